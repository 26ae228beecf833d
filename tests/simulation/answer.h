// What a scripted upstream says, with all that is known of it because it was made here: whether it
// is whole, whether it tells of a failure, which bytes are its own.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/config.h"
#include "tests/simulation/dice.h"

namespace outrigger::simulation {

enum class Form : std::uint8_t { kText, kJson, kHtml, kEvents };

struct Piece {
  Duration after{0};
  std::string bytes;
};

struct Answer {
  int status = 200;
  Form form = Form::kText;
  std::string text;        // every byte of it
  std::string code;        // the provider's word for the failure; empty without one
  bool cut = false;        // the connection breaks behind the text: no clean end
  bool whole = true;       // the text is complete by its own grammar
  bool in_memory = false;  // arrives as one buffer with its head
  bool tells_length = false;
  bool silent = false;       // goes quiet for ever before its end
  std::string should_retry;  // x-should-retry
  std::string retry_after;   // in seconds
  std::vector<Piece> pieces;

  [[nodiscard]] bool has_error_event() const noexcept {
    return form == Form::kEvents && !code.empty();
  }
};

// Marks the bytes of one call of the upstream: "@7@".
inline std::string tag_of(std::uint64_t call) {
  return "@" + std::to_string(call) + "@";
}

class AnswerWriter {
 public:
  AnswerWriter(Dice& dice, const config::Policies& policies, std::string tag)
      : dice_(dice),
        anthropic_(policies.dialect == config::Dialect::kAnthropic),
        tag_(std::move(tag)) {}

  Answer failure() {
    Answer answer;
    answer.status = dice_.pick(
        {400, 401, 403, 404, 408, 409, 422, 429, 429, 429, 500, 500, 501, 502, 503, 503, 504, 529});
    answer.form = Form::kJson;
    answer.code = answer.status == 429 && dice_.chance(0.3) ? "insufficient_quota" : "some_error";
    answer.text = R"({"error":{"code":")" + answer.code + R"(","message":")" + tag_ + R"("}})";
    if (dice_.chance(0.4)) answer.retry_after = dice_.pick({"0", "1", "3", "30", "400"});
    if (dice_.chance(0.15)) answer.should_retry = dice_.pick({"true", "false"});
    if (dice_.chance(0.1)) answer.cut = true;
    return finish(std::move(answer));
  }

  Answer success(bool well) {
    switch (dice_.between(0, 4)) {
      case 0:
        return text(well);
      case 1:
        return json(well);
      default:
        return events(well);
    }
  }

 private:
  Answer text(bool well) {
    Answer answer;
    const bool html = !well && dice_.chance(0.3);
    answer.form = html ? Form::kHtml : Form::kText;
    for (std::uint64_t i = dice_.between(0, 20); i > 0; --i) answer.text += tag_ + " words ";
    answer.cut = !well && !html;
    return finish(std::move(answer));
  }
  Answer json(bool well) {
    Answer answer;
    answer.form = Form::kJson;
    answer.text = R"({"id":")" + tag_ + R"(","words":[")" +
                  std::string(dice_.between(0, 400), 'w') + R"("]})";
    if (!well) {
      answer.text.resize(dice_.between(1, answer.text.size() - 1));
      answer.whole = false;
      answer.cut = dice_.chance(0.5);
    }
    return finish(std::move(answer));
  }
  Answer events(bool well);

  [[nodiscard]] std::string chat(std::string_view delta, std::string_view reason) const {
    return R"(data: {"id":")" + tag_ +
           R"(","object":"chat.completion.chunk","choices":[{"index":0,"delta":{)" +
           std::string(delta) + R"(},"finish_reason":)" + std::string(reason) + "}]}\n\n";
  }
  [[nodiscard]] static std::string named(std::string_view type, std::string_view rest) {
    return "event: " + std::string(type) + "\ndata: {\"type\":\"" + std::string(type) + "\"" +
           std::string(rest) + "}\n\n";
  }
  [[nodiscard]] std::string opening() const {
    if (!anthropic_) return chat(R"("role":"assistant","content":"")", "null");
    return named("message_start", R"(,"message":{"id":")" + tag_ + R"("})") +
           named("content_block_start", R"(,"index":0,"content_block":{"type":"text","text":""})");
  }
  [[nodiscard]] std::string word(std::uint64_t number) const {
    const std::string text = "w" + std::to_string(number);
    if (!anthropic_) return chat(R"("content":")" + text + "\"", "null");
    return named("content_block_delta",
                 R"(,"index":0,"delta":{"type":"text_delta","text":")" + tag_ + text + "\"}");
  }
  [[nodiscard]] std::string closing() const {
    if (!anthropic_) return chat("", R"("stop")") + "data: [DONE]\n\n";
    return named("content_block_stop", R"(,"index":0)") +
           named("message_delta", R"(,"delta":{"stop_reason":"end_turn"})") +
           named("message_stop", "");
  }
  [[nodiscard]] std::string error_event(std::string_view code) const {
    const std::string error = R"({"type":")" + std::string(code) + R"(","code":")" +
                              std::string(code) + R"(","message":")" + tag_ + "\"}";
    if (anthropic_) return named("error", R"(,"error":)" + error);
    return R"(data: {"error":)" + error + "}\n\n";
  }

  // Cuts the text into pieces and spreads them over time.
  Answer finish(Answer answer) {
    answer.in_memory =
        !answer.cut && !answer.silent && answer.form != Form::kEvents && dice_.chance(0.5);
    answer.tells_length = answer.form != Form::kEvents && !answer.cut && dice_.chance(0.5);
    const Duration slowest = dice_.pick<Duration>({0ms, 0ms, 50ms, 2s, 20s});
    for (std::size_t at = 0; at < answer.text.size();) {
      const std::size_t size = dice_.between(1, 200);
      answer.pieces.push_back({dice_.between(Duration{0}, slowest), answer.text.substr(at, size)});
      at += size;
    }
    return answer;
  }

  Dice& dice_;
  const bool anthropic_;
  const std::string tag_;
};

inline Answer AnswerWriter::events(bool well) {
  Answer answer;
  answer.form = Form::kEvents;
  if (dice_.chance(0.2)) answer.text += ": hello\n\n";
  const bool early = !well && dice_.chance(0.3);
  const std::string code =
      dice_.pick({"overloaded_error", "server_error", "invalid_request_error", "rate_limit_error"});
  if (early) {
    answer.code = code;
    answer.text += error_event(code);
    answer.cut = dice_.chance(0.3);
    return finish(std::move(answer));
  }
  answer.text += opening();
  for (std::uint64_t i = 0, words = dice_.between(0, 8); i < words; ++i) answer.text += word(i);
  if (well) {
    answer.text += closing();
    // SSE servers that forget the last blank line, or the end of the line too.
    if (dice_.chance(0.2)) answer.text.resize(answer.text.size() - dice_.between(1, 2));
    return finish(std::move(answer));
  }
  switch (dice_.between(0, 4)) {
    case 0:  // the connection breaks anywhere, also behind the last byte
      answer.text += closing();
      answer.text.resize(dice_.between(0, answer.text.size()));
      answer.cut = true;
      answer.whole = false;
      break;
    case 1:  // a clean end without the dialect's, at the end of an event or within one
      if (dice_.chance(0.5)) answer.text.resize(dice_.between(0, answer.text.size()));
      answer.whole = false;
      break;
    case 2:
      answer.silent = true;
      answer.whole = false;
      break;
    default:
      answer.code = code;
      answer.text += error_event(code);
      answer.cut = dice_.chance(0.3);
  }
  return finish(std::move(answer));
}

}  // namespace outrigger::simulation
