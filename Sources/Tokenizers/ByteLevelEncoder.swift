/// Byte-level byte-pair encoding: a pre-tokenizer cuts text into words, in each of which bytes merge.
///
/// Radford et al., "Language Models are Unsupervised Multitask Learners" (2019).
struct ByteLevelEncoder: Sendable {
    let preTokenizer: PreTokenizer
    /// The token of each byte; -1 where the vocabulary has none.
    private let byteTokens: [Int32]
    private let merges: PairMerges
    /// Words that are a token of their own whatever the merges say (Llama 3), or nil.
    private let wholeWords: [ArraySlice<UInt8>: Int32]?

    /// - Parameters:
    ///   - merges: pairs that merge, most urgent first, each as `left right`.
    ///   - preTokenizer: its name.
    init(_ vocabulary: Tokenizer.Vocabulary, merges pairs: [String], preTokenizer name: String) throws(TokenizerError) {
        preTokenizer = try PreTokenizer(named: name)
        guard vocabulary.tokens.count <= Int(Int32.max), pairs.count <= Int(Int32.max) else {
            throw .malformedVocabulary("more tokens than can be counted")
        }
        // Compared as bytes: canonically equivalent strings are different tokens.
        var texts = try TokenTexts(roomFor: vocabulary.tokens)
        for token in vocabulary.tokens { texts.append(token.utf8) }
        var ids: [ArraySlice<UInt8>: Int32] = [:]
        ids.reserveCapacity(texts.count)
        for id in vocabulary.tokens.indices {
            let key = texts[id]
            if vocabulary.kind(of: id) != .control || ids[key] == nil { ids[key] = Int32(id) }
        }
        byteTokens = ByteAlphabet.scalars.map { ids[ArraySlice(String($0).utf8)] ?? -1 }
        var merges = PairMerges(minimumCapacity: pairs.count)
        for (rank, merge) in pairs.enumerated() {
            let bytes = Array(merge.utf8)
            guard let space = bytes.dropFirst().firstIndex(of: UInt8(ascii: " ")) else {
                throw .malformedVocabulary("merge \(rank), \"\(merge)\", is not two tokens")
            }
            let left = bytes[..<space]
            let right = bytes[(space + 1)...]
            guard let leftID = ids[left], let rightID = ids[right], let result = ids[ArraySlice(left + right)] else {
                throw .malformedVocabulary("merge \(rank), \"\(merge)\", names a token that is not in the vocabulary")
            }
            merges.add(leftID, rightID, into: result, rank: Int32(rank))
        }
        self.merges = merges
        guard preTokenizer == .llamaBPE else {
            wholeWords = nil
            return
        }
        var words: [ArraySlice<UInt8>: Int32] = [:]
        for (token, id) in ids {
            if let word = ByteAlphabet.decode(String(decoding: token, as: UTF8.self)) { words[word[...]] = id }
        }
        wholeWords = words
    }

    /// The token ids of text in which no special token is to be found.
    func encode(_ text: Substring) -> [Int] {
        let scalars = ScalarText(text)
        var ids: [Int] = []
        ids.reserveCapacity(scalars.bytes.count / 3)
        var known: [ArraySlice<UInt8>: Range<Int>] = [:]
        preTokenizer.forEachWord(in: scalars) { word in
            let bytes = scalars.bytes[scalars.offsets[word.lowerBound]..<scalars.offsets[word.upperBound]]
            // Words repeat; where one was seen before, its ids stand further up in the output.
            if let seen = known[bytes] {
                // One by one: a slice of the output would make appending to it copy the whole.
                for index in seen { ids.append(ids[index]) }
            } else {
                let start = ids.count
                appendTokens(of: bytes, to: &ids)
                known[bytes] = start..<ids.count
            }
        }
        return ids
    }

    private func appendTokens(of word: ArraySlice<UInt8>, to ids: inout [Int]) {
        if let id = wholeWords?[word] {
            ids.append(Int(id))
            return
        }
        // A byte without a token is dropped, as the original tokenizers do.
        var tokens = word.map { byteTokens[Int($0)] }.filter { $0 >= 0 }
        merges.apply(to: &tokens)
        for token in tokens { ids.append(Int(token)) }
    }
}
