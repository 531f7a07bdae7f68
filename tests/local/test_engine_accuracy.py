"""The linear engine is a fair baseline: as good as scikit-learn's TF-IDF with logistic regression."""

from __future__ import annotations

import random
from pathlib import Path

from local_engine import train
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

TOPICS = ("sports", "politics", "weather", "music")
SYLLABLES = ("ka", "lo", "mi", "ren", "tus", "vel", "zor", "pi", "san", "dur", "be", "nok")


def corpus(count: int, seed: int) -> list[tuple[str, str]]:
    """Texts of four topics: two topic words among common and misleading ones, one label in ten by chance."""
    words = random.Random(0)
    vocabulary = {
        topic: ["".join(words.choices(SYLLABLES, k=3)) for _ in range(25)] for topic in (*TOPICS, "any")
    }
    source = random.Random(seed)
    rows = []
    for _ in range(count):
        topic = source.choice(TOPICS)
        said = source.choices(vocabulary[topic], k=2)
        said.append(source.choice(vocabulary[source.choice(TOPICS)]))
        said += source.choices(vocabulary["any"], k=6)
        source.shuffle(said)
        label = source.choice(TOPICS) if source.random() < 0.1 else topic
        rows.append((" ".join(said), label))
    return rows


def share_right(given: list[str], rows: list[tuple[str, str]]) -> float:
    return sum(answer == label for answer, (_, label) in zip(given, rows, strict=True)) / len(rows)


def reference(learnt: list[tuple[str, str]], asked: list[tuple[str, str]]) -> float:
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    classifier = LogisticRegression(C=10, max_iter=300)
    classifier.fit(vectorizer.fit_transform([text for text, _ in learnt]), [label for _, label in learnt])
    return share_right(list(classifier.predict(vectorizer.transform([text for text, _ in asked]))), asked)


def test_it_comes_within_three_points_of_tf_idf_and_logistic_regression(tmp_path: Path) -> None:
    ours, theirs = [], []
    for seed in (1, 2, 3):
        learnt, asked = corpus(250, seed), corpus(500, 100 + seed)
        theirs.append(reference(learnt, asked))
        ours.append(
            share_right(train(tmp_path, learnt, seed=seed).answers([text for text, _ in asked]), asked)
        )
    assert sum(theirs) / 3 > 0.6, "the task can be learnt"
    assert sum(theirs) / 3 < 0.92, "and is not trivial"
    assert sum(ours) / 3 > sum(theirs) / 3 - 0.03
