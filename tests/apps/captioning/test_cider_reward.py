"""A reward that is not CIDEr-D trains for something else, without a sign of it."""

import time

import numpy as np
from pycocoevalcap.cider.cider import Cider

from apps.captioning.cider_reward import END, CiderReward

WORDS = ["a", "the", "red", "blue", "green", "fox", "car", "tree", "above", "below", "of", "left", "two", "and"]


def corpus(pictures, seed=0):
    random = np.random.default_rng(seed)

    def caption():
        return " ".join(random.choice(WORDS, random.integers(1, 12)))

    return [[caption() for _ in range(random.integers(1, 6))] for _ in range(pictures)], caption


def test_it_is_the_cider_d_of_pycocoevalcap_with_the_end_as_a_word():
    references, caption = corpus(60)
    captions = [caption() for _ in references]
    captions[:4] = ["", references[1][0], references[2][-1], "the the the the the the"]
    ended = np.arange(len(captions)) % 3 > 0
    reward = CiderReward(references)
    found = [reward(row, [captions[row]], [ended[row]])[0] for row in range(len(captions))]
    given = {row: [f"{captions[row]} {END}" if ended[row] else captions[row]] for row in range(len(captions))}
    known = {row: [f"{reference} {END}" for reference in each] for row, each in enumerate(references)}
    np.testing.assert_allclose(found, Cider().compute_score(known, given)[1], rtol=1e-9, atol=1e-12)
    assert np.max(found) > 1


def test_case_and_punctuation_do_not_count_and_the_same_caption_has_the_same_reward():
    references = [["A red fox."], ["Two cars, below a tree"], ["a fox above a car"]]
    rewards = CiderReward(references)(
        0, ["a red fox", "A RED FOX!", "two cars", "a red fox"], [True, True, True, False]
    )
    assert rewards[0] == rewards[1] > rewards[3] > rewards[2]


def test_a_caption_that_breaks_off_is_worth_less_than_the_same_that_ends():
    reward = CiderReward([["a red fox left of a car"], ["a tree"], ["two trees"]])
    whole, ends_early, broken = reward(
        0, ["a red fox left of a car", "a red fox left of a", "a red fox left of a"], [True, True, False]
    )
    assert whole > max(ends_early, broken)


def test_a_batch_of_64_pictures_takes_no_longer_than_the_step_that_waits_for_it():
    references, caption = corpus(200)
    reward = CiderReward(references)
    captions = [[caption() for _ in range(5)] for _ in range(64)]
    began = time.process_time()
    for row in range(64):
        reward(row, captions[row], [True] * 5)
    assert time.process_time() - began < 0.5
