import Basics

/// The logistic function.
public func sigmoid(_ z: Double) -> Double { z >= 0 ? 1 / (1 + exp(-z)) : exp(z) / (1 + exp(z)) }

/// -y log sigmoid(z) - (1 - y) log(1 - sigmoid(z)), without overflow.
public func binaryCrossEntropy(logit z: Double, label y: Double) -> Double {
    max(z, 0) - z * y + log1p(exp(-abs(z)))
}
