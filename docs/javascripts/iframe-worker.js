// The search of a site that is opened as a file: browsers start no Worker there, so a hidden frame does its work.
// The theme's own script knows such a frame by the name IFrameWorker.
(() => {
  if (location.protocol !== "file:") return;

  class IFrameWorker extends EventTarget {
    constructor(script) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      this.ready = new Promise((resolve) => {
        const start = () => {
          document.body.append(frame);
          const inside = frame.contentWindow;
          inside.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
          const element = inside.document.createElement("script");
          element.src = new URL(script, location.href).href;
          element.onload = () => resolve(inside);
          element.onerror = () => this.dispatchEvent(new ErrorEvent("error", { message: `${script} is not there` }));
          inside.document.head.append(element);
        };
        document.body ? start() : addEventListener("DOMContentLoaded", start);
      });
      this.ready.then((inside) => (this.end = () => frame.remove()));
    }

    postMessage(data) {
      this.ready.then((inside) => inside.dispatchEvent(new inside.MessageEvent("message", { data })));
    }

    terminate() {
      this.ready.then(() => this.end());
    }
  }

  window.IFrameWorker = IFrameWorker;
  window.Worker = IFrameWorker;
})();
