import TestSupport
import Testing
import Tokenizers
import Transformer

@Suite struct ConversationTests {
    /// An answer is that of a session which reads all that was said anew.
    @Test func laterTurnsReadOnlyWhatIsNew() throws {
        let model = try DecoderModel(contentsOf: Fixtures.defaultModel)
        let options = GenerationOptions(maxNewTokens: 12)
        let conversation = Conversation(in: try InferenceSession(model), system: "Answer briefly.")
        var messages = [ChatMessage(.system, "Answer briefly.")]
        for (turn, question) in ["What is an acid?", "And a base?", "Which of them is vinegar?"].enumerated() {
            messages.append(ChatMessage(.user, question))
            let all = model.chatTemplate.encode(messages, with: model.tokenizer)
            let expected = try InferenceSession(model).generate(after: all, options: options)
            let answer = try conversation.answer(question, options: options)
            #expect(answer.tokens == expected.tokens)
            // What the template puts around a question, and a few tokens where an answer broke off.
            #expect(turn == 0 ? answer.promptTokens == all.count : answer.promptTokens < 24)
            messages.append(ChatMessage(.assistant, answer.text))
            #expect(conversation.messages == Array(messages[1...]))
        }
        #expect(conversation.forgottenTurns == 0)
    }

    @Test func theEarliestTurnsAreForgottenWhereTheContextIsFull() throws {
        let model = try DecoderModel(contentsOf: Fixtures.defaultModel)
        let session = try InferenceSession(model, contextLimit: 128)
        let conversation = Conversation(in: session)
        let options = GenerationOptions(maxNewTokens: 16)
        var wholesale = 0
        for turn in 0..<9 {
            let before = conversation.forgottenTurns
            let answer = try conversation.answer("What is the number \(turn)?", options: options)
            #expect(answer.stopReason != .contextFull)
            #expect(session.position <= 128)
            #expect(conversation.messages.count / 2 + conversation.forgottenTurns == turn + 1)
            if conversation.forgottenTurns > before { wholesale += 1 }
        }
        #expect(conversation.forgottenTurns > 0)
        #expect(wholesale < conversation.forgottenTurns, "several at once, so that the next turns have room")
        #expect(conversation.messages.count >= 2)
        // The last answer is that to what is left of the conversation, read anew.
        let shown = model.chatTemplate.encode(Array(conversation.messages.dropLast()), with: model.tokenizer)
        #expect(shown.count <= 112, "room for an answer")
        let expected = try InferenceSession(model).generate(after: shown, options: options)
        #expect(conversation.messages.last == ChatMessage(.assistant, expected.text))
    }

    @Test func aQuestionThatDoesNotFitChangesNothing() throws {
        let model = try DecoderModel(contentsOf: Fixtures.defaultModel)
        let conversation = Conversation(in: try InferenceSession(model, contextLimit: 128))
        let options = GenerationOptions(maxNewTokens: 8)
        var messages: [ChatMessage] = []
        for question in ["What is a base?", "And an acid?"] {
            let before = conversation.messages
            #expect(throws: DecoderError.self) {
                try conversation.answer(String(repeating: "word ", count: 150), options: options)
            }
            #expect(conversation.messages == before)
            messages.append(ChatMessage(.user, question))
            let all = model.chatTemplate.encode(messages, with: model.tokenizer)
            let answer = try conversation.answer(question, options: options)
            #expect(answer.tokens == (try InferenceSession(model).generate(after: all, options: options).tokens))
            messages.append(ChatMessage(.assistant, answer.text))
        }
        #expect(conversation.forgottenTurns == 0)
    }
}
