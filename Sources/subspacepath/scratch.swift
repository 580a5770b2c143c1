import Foundation
import Transformer
import Tokenizers
@main struct M { static func main() throws {
  let a = CommandLine.arguments
  let clock = ContinuousClock()
  var t = clock.now
  let m = try DecoderModel(contentsOf: URL(fileURLWithPath: "models/SmolLM2-135M-Instruct.Q4_1.gguf"), precision: a.count > 2 && a[2]=="f" ? .float32 : .int8, instructionSet: a.count > 3 ? a[3] : nil)
  print("load", (clock.now - t).inSeconds, m.pool.instructionSet)
  let s = try InferenceSession(m)
  let ids = m.chatTemplate.encode([ChatMessage(.user, a[1])], with: m.tokenizer)
  print(ids)
  let g = try s.generate(after: ids, options: .init(maxNewTokens: 100)) { print($0, terminator: ""); return true }
  print("\n", g.tokensPerSecond, "tok/s; prompt", Double(g.promptTokens)/g.promptSeconds)
  let s2 = try InferenceSession(m)
  let long = (0..<512).map { ($0 * 7919) % 49152 }
  for _ in 0..<3 { t = clock.now; _ = try s2.logits(after: long); s2.reset(); print("prefill", 512/(clock.now - t).inSeconds) }
}}
