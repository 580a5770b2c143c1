/// The inner product of two vectors of one length.
func dot(_ first: [Double], _ second: [Double]) -> Double {
    var sum = 0.0
    for i in first.indices { sum += first[i] * second[i] }
    return sum
}

/// The vector of length one in the direction of `vector`, which stays zero where it is.
func unit(_ vector: [Double]) -> [Double] {
    let length = dot(vector, vector).squareRoot()
    return length > 0 ? vector.map { $0 / length } : vector
}

/// `vector` less its part along `direction`, a unit vector or zero.
func without(_ direction: [Double], _ vector: [Double]) -> [Double] {
    let along = dot(direction, vector)
    return vector.indices.map { vector[$0] - along * direction[$0] }
}
