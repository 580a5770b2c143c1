"""What NumPy makes of the choice of domains: principal components, and the best set of axes by brute force."""

import itertools
import json

import numpy as np

DEFINITIONS = {
    "principalComponents": "eigenvectors of the covariance weighted by weights / sum(weights), about the weighted mean, by falling variance; the entry of largest magnitude of each is positive",
    "selection": "separation: mean over pairs of chosen axes of 1 - |cos|, 1 for a single one; coverage: mean over all axes of the squared norm of the projection on the span of the chosen; the set of largest balance * separation + (1 - balance) * coverage",
}


def component_case(rows, weights, count):
    share = weights / weights.sum()
    mean = share @ rows
    centred = rows - mean
    values, vectors = np.linalg.eigh(centred.T * share @ centred)
    values, vectors = values[::-1][:count], vectors[:, ::-1].T[:count]
    largest = np.abs(vectors).argmax(axis=1)
    vectors = vectors * np.sign(vectors[np.arange(len(vectors)), largest])[:, None]
    return {
        "rows": rows.tolist(), "weights": weights.tolist(), "mean": mean.tolist(), "variances": values.tolist(),
        "directions": vectors.tolist(), "totalVariance": float((share * (centred ** 2).sum(1)).sum())}


def component_cases(random):
    """Tall, wide, of low rank, and with variances of many magnitudes."""
    low_rank = random.normal(0, 1, (20, 3)) @ random.normal(0, 1, (3, 12))
    scaled = random.normal(0, 1, (50, 8)) * 10.0 ** -np.arange(8)
    cases = [
        component_case(random.normal(0, 1, (40, 6)).round(3), np.ones(40), 6),
        component_case(random.normal(2, 1, (30, 9)).round(3), random.random(30).round(3) + 0.1, 4),
        component_case(random.normal(0, 1, (7, 25)).round(3), np.ones(7), 6),
        component_case(low_rank, np.ones(20), 3),
        component_case(scaled, np.ones(50), 4),
    ]
    return cases


def selection_case(axes, count, balance, included):
    def parts(chosen):
        pairs = [1 - abs(axes[i] @ axes[j]) for i, j in itertools.combinations(chosen, 2)]
        coverage = ((np.linalg.pinv(axes[chosen]) @ axes[chosen] @ axes.T) ** 2).sum(0)
        return (float(np.mean(pairs)) if pairs else 1.0), coverage

    def objective(chosen):
        separation, coverage = parts(chosen)
        return balance * separation + (1 - balance) * coverage.mean()

    sets = [list(s) for s in itertools.combinations(range(len(axes)), count) if set(included) <= set(s)]
    best = max(sets, key=objective)
    separation, coverage = parts(best)
    return {
        "axes": axes.tolist(), "count": count, "balance": balance, "included": included, "chosen": best,
        "separation": separation, "coverage": coverage.tolist(), "objective": float(objective(best)), "sets": len(sets)}


def selection_cases(random):
    cases = []
    for candidates, dimensions, count, balance, included in (
            (8, 5, 3, 0.5, []), (9, 6, 4, 0.2, []), (7, 3, 5, 0.9, []), (8, 4, 1, 0.5, []), (6, 6, 6, 0.5, []),
            (9, 5, 4, 0.5, [2, 7]), (7, 4, 2, 1.0, []), (7, 4, 3, 0.0, [1])):
        axes = random.normal(0, 1, (candidates, dimensions))
        cases.append(selection_case(axes / np.linalg.norm(axes, axis=1, keepdims=True), count, balance, included))
    return cases


def make(folder):
    random = np.random.default_rng(8)
    with open(folder / "domains.json", "w", encoding="utf-8") as file:
        json.dump({
            "principalComponents": component_cases(random), "selection": selection_cases(random),
            "definitions": DEFINITIONS}, file)
        file.write("\n")
