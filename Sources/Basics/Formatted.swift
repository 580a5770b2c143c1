/// Text of numbers as C's `printf` writes them, in no language's notation: `formatted("%.2f s", seconds)`.
package func formatted(_ format: String, _ values: any CVarArg...) -> String {
    let length = Int(withVaList(values) { vsnprintf(nil, 0, format, $0) })
    // Room for the zero that ends a C string.
    return String(unsafeUninitializedCapacity: length + 1) { text in
        text.withMemoryRebound(to: CChar.self) { text in
            _ = withVaList(values) { vsnprintf(text.baseAddress, text.count, format, $0) }
        }
        return length
    }
}
