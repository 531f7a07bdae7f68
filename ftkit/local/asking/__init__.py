"""What clients ask of models: check a request's body, ask the engines, say the answer in OpenAI's form.

The routes and the batch worker both come through here, so an answer is the same either way.
"""
