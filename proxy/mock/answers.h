// What each provider answers when all is well, streamed and not (llm 2.3, 2.4). Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "proxy/mock/answer.h"
#include "proxy/mock/call.h"
#include "proxy/mock/identity.h"

namespace outrigger::mock {

// The words of the answer: each is one event of a stream.
using Words = std::vector<std::string>;
// `events` words (0: the usual ones), of `size` bytes together (0: as they are).
Words make_words(std::uint32_t events, std::uint64_t size);
// The same of a text of one's own.
Words cut_into_words(std::string_view text);
std::string joined(const Words& words);

// The healthy answer in the call's dialect and form.
Answer healthy_answer(const Call& call, const Words& words, Identity& identity);

// By provider; healthy_answer() picks.
Answer openai_chat(const Call& call, const Words& words, Identity& identity);
Answer openai_responses(const Call& call, const Words& words, Identity& identity);
Answer openai_embeddings(const Call& call, Identity& identity);
Answer openai_models(const Call& call, Identity& identity);
Answer anthropic_message(const Call& call, const Words& words, Identity& identity);
Answer gemini_content(const Call& call, const Words& words, Identity& identity);
Answer bedrock_converse(const Call& call, const Words& words, Identity& identity);
Answer bedrock_invoke(const Call& call, const Words& words, Identity& identity);
Answer cohere_chat(const Call& call, const Words& words, Identity& identity);
Answer ollama_chat(const Call& call, const Words& words, Identity& identity);
Answer saas_answer(const Call& call, Identity& identity);

// One JSON body.
Answer whole_answer(const Json& body);
// An empty stream of that type, to which events are added.
Answer stream_answer(std::string_view content_type);
inline constexpr std::string_view kEventStream = "text/event-stream; charset=utf-8";

// Blocks of an event stream: unnamed, and named after `type`.
Event sse(Role role, const Json& data);
Event sse(Role role, std::string_view type, const Json& data);

}  // namespace outrigger::mock
