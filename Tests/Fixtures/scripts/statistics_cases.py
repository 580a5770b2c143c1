"""What SciPy makes of the statistics that training and evaluation report."""

import itertools
import json

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.stats import bootstrap, mannwhitneyu, permutation_test

DEFINITIONS = {
    "signFlip": "paired permutation test of the mean difference, two-sided, over every sign pattern; clusters flip together and count by their sums",
    "bootstrap": "2.5th and 97.5th percentiles of the mean over all values of clusters drawn with replacement; exact: over every draw, else over 200000 draws by SciPy",
    "mannWhitney": "one-sided, first less than second; statistic is U of first; normal approximation with tie and continuity correction",
    "mannWhitneyExact": "the same statistic; p-value from its exact distribution; no ties",
    "calibrationError": "bin b of 10 holds b/10 <= p < (b+1)/10, the last one p = 1 too; sum over bins of |mean p - mean label| * count / total",
    "temperature": "the T in [0.05, 20] that minimises the mean over all entries of binary cross-entropy(sigmoid(z / T), label)",
}


def mann_whitney_cases(random):
    samples = [
        ([1.0, 2.0, 3.0], [4.0, 5.0, 6.0, 7.0]),
        ([5.0, 1.0, 4.0], [2.0, 3.0, 6.0]),
        ([1.0, 1.0, 2.0, 2.0], [1.0, 2.0, 2.0, 3.0, 3.0]),
        (random.normal(0, 1, 60).tolist(), random.normal(0.4, 1, 200).tolist()),
        (random.normal(1, 1, 50).round(1).tolist(), random.normal(0, 1, 50).round(1).tolist()),
    ]
    cases = []
    for first, second in samples:
        test = mannwhitneyu(first, second, alternative="less", method="asymptotic")
        cases.append({"first": first, "second": second, "statistic": float(test.statistic), "pValue": float(test.pvalue)})
    return cases


def exact_mann_whitney_cases():
    """Small samples without ties, by counting every order of the ranks."""
    samples = [([1.0, 2.0], [3.0, 4.0, 5.0]), ([5.0, 1.0, 4.0], [2.0, 3.0, 6.0]), ([9.0, 4.5, 7.0, 1.0], [2.0, 3.0, 8.0, 6.0, 5.0])]
    cases = []
    for first, second in samples:
        test = mannwhitneyu(first, second, alternative="less", method="exact")
        cases.append({"first": first, "second": second, "statistic": float(test.statistic), "pValue": float(test.pvalue)})
    return cases


def calibration_error(probabilities, labels, bins=10):
    """Ten equal bins; in each, the distance of mean probability and mean label; weighted by count."""
    index = np.minimum((probabilities * bins).astype(int), bins - 1)
    return sum(
        abs(probabilities[index == b].mean() - labels[index == b].mean()) * (index == b).mean()
        for b in range(bins) if (index == b).any())


def calibration_error_cases(random):
    cases = []
    for count, soft in ((50, False), (400, False), (200, True)):
        probabilities = random.random(count)
        labels = random.random(count) if soft else (random.random(count) < probabilities ** 2).astype(float)
        cases.append({
            "probabilities": probabilities.tolist(), "labels": labels.tolist(),
            "error": float(calibration_error(probabilities, labels))})
    return cases


def temperature_cases(random):
    cases = []
    for scale, soft in ((4.0, False), (0.5, False), (2.0, True)):
        logits = random.normal(0, 2, (80, 3))
        truth = 1 / (1 + np.exp(-logits))
        labels = truth if soft else (random.random(logits.shape) < truth).astype(float)
        given = logits * scale

        def loss(temperature):
            z = given / temperature
            return float(np.mean(np.maximum(z, 0) - z * labels + np.log1p(np.exp(-np.abs(z)))))

        best = minimize_scalar(loss, bounds=(0.05, 20), method="bounded", options={"xatol": 1e-10})
        cases.append({"logits": given.tolist(), "labels": labels.tolist(), "temperature": float(best.x)})
    return cases


def sign_flip_cases(random):
    samples = [
        [[0.5], [-0.25], [1.0], [0.75]],
        [[1.0], [1.0], [0.0], [1.0], [-1.0], [1.0], [1.0]],
        [[0.0], [0.0]],
        [[0.25, 0.5, -1.0], [1.0], [0.5, 0.5], [-0.125, 1.0, 1.0, 0.0], [0.75]],
        [[value] for value in random.normal(0.4, 1, 12).tolist()],
    ]
    cases = []
    for clusters in samples:
        sums = np.array([sum(cluster) for cluster in clusters])
        test = permutation_test(
            (sums, np.zeros_like(sums)), lambda x, y: np.mean(x - y), permutation_type="samples", n_resamples=np.inf,
            alternative="two-sided", vectorized=False)
        cases.append({"clusters": clusters, "pValue": float(test.pvalue)})
    return cases


def bootstrap_cases(random):
    """Few clusters of several sizes by every draw; many clusters of one value by SciPy."""
    cases = []
    for sizes in ((3, 1, 4, 2, 5, 3), (1, 6, 2, 2, 4, 3, 1)):
        clusters = [random.normal(0, 1, size).round(2).tolist() for size in sizes]
        sums, counts = np.array([sum(c) for c in clusters]), np.array(sizes)
        draws = np.array(list(itertools.product(range(len(sizes)), repeat=len(sizes))))
        low, high = np.quantile(sums[draws].sum(1) / counts[draws].sum(1), [0.025, 0.975])
        cases.append({"clusters": clusters, "low": float(low), "high": float(high), "exact": True})
    for values in (random.normal(2, 3, 40), (random.random(60) < 0.3).astype(float)):
        interval = bootstrap(
            (values,), np.mean, n_resamples=200000, batch=10000, confidence_level=0.95, method="percentile",
            rng=np.random.default_rng(7)).confidence_interval
        cases.append({
            "clusters": [[value] for value in values.tolist()], "low": float(interval.low), "high": float(interval.high),
            "exact": False})
    return cases


def make(folder):
    random = np.random.default_rng(5)
    evaluation = np.random.default_rng(6)
    with open(folder / "statistics.json", "w", encoding="utf-8") as file:
        json.dump({
            "mannWhitney": mann_whitney_cases(random), "calibrationError": calibration_error_cases(random),
            "temperature": temperature_cases(random), "mannWhitneyExact": exact_mann_whitney_cases(),
            "signFlip": sign_flip_cases(evaluation), "bootstrap": bootstrap_cases(evaluation),
            "definitions": DEFINITIONS}, file)
        file.write("\n")
