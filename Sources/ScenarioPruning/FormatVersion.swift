/// What a file says of its format, read before the rest of it: a file of another version may lack what this one has.
struct FormatVersion: Decodable {
    let formatVersion: Int
}
