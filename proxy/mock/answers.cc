#include "proxy/mock/answers.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace outrigger::mock {

Words make_words(std::uint32_t events, std::uint64_t size) {
  constexpr std::array kUsual = {"Hello ",     "from ", "the ", "mock ",
                                 "upstream: ", "all ",  "is ",  "well."};
  const std::size_t count = events == 0 ? kUsual.size() : events;
  Words words;
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < count; ++i) {
    words.emplace_back(kUsual[i % kUsual.size()]);
    bytes += words.back().size();
  }
  if (size > bytes) words.back().append(size - bytes, '.');
  return words;
}

Words cut_into_words(std::string_view text) {
  constexpr std::size_t kBytes = 6;
  Words words;
  while (!text.empty()) {
    std::size_t end = std::min(kBytes, text.size());
    // Not inside a character.
    while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) ++end;
    words.emplace_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return words;
}

std::string joined(const Words& words) {
  std::string text;
  for (const std::string& word : words) text += word;
  return text;
}

Answer healthy_answer(const Call& call, const Words& words, Identity& identity) {
  switch (call.dialect) {
    case Dialect::kOpenAiChat:
      return openai_chat(call, words, identity);
    case Dialect::kOpenAiResponses:
      return openai_responses(call, words, identity);
    case Dialect::kOpenAiEmbeddings:
      return openai_embeddings(call, identity);
    case Dialect::kOpenAiModels:
      return openai_models(call, identity);
    case Dialect::kAnthropic:
      return anthropic_message(call, words, identity);
    case Dialect::kGemini:
      return gemini_content(call, words, identity);
    case Dialect::kBedrockConverse:
      return bedrock_converse(call, words, identity);
    case Dialect::kBedrockInvoke:
      return bedrock_invoke(call, words, identity);
    case Dialect::kCohere:
      return cohere_chat(call, words, identity);
    case Dialect::kOllama:
      return ollama_chat(call, words, identity);
    default:
      return saas_answer(call, identity);
  }
}

Answer whole_answer(const Json& body) {
  Answer answer;
  answer.content_type = "application/json";
  answer.events.push_back({Role::kContent, dump(body)});
  return answer;
}

Answer stream_answer(std::string_view content_type) {
  Answer answer;
  answer.content_type = content_type;
  answer.stream = true;
  return answer;
}

Event sse(Role role, const Json& data) {
  return {role, fmt::format("data: {}\n\n", dump(data))};
}

Event sse(Role role, std::string_view type, const Json& data) {
  return {role, fmt::format("event: {}\ndata: {}\n\n", type, dump(data))};
}

}  // namespace outrigger::mock
