/// The inner product of two vectors of one length.
func dot(_ first: [Double], _ second: [Double]) -> Double {
    var sum = 0.0
    for i in first.indices { sum += first[i] * second[i] }
    return sum
}

/// The inner product of two vectors of one length, summed in double precision in eight lanes that are added at the end.
func dot(_ first: [Float], _ second: [Float]) -> Double {
    precondition(first.count == second.count)
    return first.withUnsafeBytes { first in
        second.withUnsafeBytes { second in
            let lanes = SIMD8<Float>.self
            let count = first.count / MemoryLayout<Float>.stride
            var sums = SIMD8<Double>()
            for offset in stride(from: 0, to: count / 8 * 32, by: 32) {
                let a = first.loadUnaligned(fromByteOffset: offset, as: lanes)
                let b = second.loadUnaligned(fromByteOffset: offset, as: lanes)
                sums += SIMD8<Double>(a) * SIMD8<Double>(b)
            }
            var sum = sums.sum()
            for i in count / 8 * 8..<count {
                sum +=
                    Double(first.load(fromByteOffset: 4 * i, as: Float.self))
                    * Double(second.load(fromByteOffset: 4 * i, as: Float.self))
            }
            return sum
        }
    }
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
