#include "proxy/http/dialect_facts.h"

#include <algorithm>

#include "proxy/base/json_cursor.h"

namespace outrigger::http {
namespace {

bool is_reason(std::string_view value) noexcept {
  return says_something(value) && value != "\"FINISH_REASON_UNSPECIFIED\"";
}

// The names under which models on Bedrock say why they stopped (their InvokeModel pages).
bool names_stop(std::string_view key) noexcept {
  constexpr std::string_view kNames[] = {"stop_reason", "stopReason", "finish_reason",
                                         "finishReason", "completionReason"};
  return std::ranges::find(kNames, key) != std::end(kNames);
}

class Reader {
 public:
  Reader(JsonCursor& in, EventFacts& facts) noexcept : in_(in), facts_(facts) {}

  void top(std::string_view key) {
    switch (key.size()) {
      case 4:
        if (key == "type") return text(facts_.type);
        if (key == "done") return read_done();
        break;
      case 5:
        if (key == "error") return read_error();
        if (key == "delta") return read_delta();
        if (key == "bytes") return text(facts_.bytes);
        break;
      case 6:
        if (key == "object") return text(facts_.object_name);
        break;
      case 7:
        if (key == "choices") return read_choices();
        if (key == "message") return read_message();
        if (key == "outputs") return read_outputs();
        break;
      default:
        return long_name(key);
    }
    in_.skip();
  }

 private:
  void long_name(std::string_view key) {
    if (key == "candidates") return read_candidates();
    if (key == "promptFeedback") return read_feedback();
    if (key == "content_block") return read_block();
    if (key == "sequence_number") {
      facts_.sequence = in_.number();
      return;
    }
    const std::string_view value = in_.skip();
    if (key == "usageMetadata") facts_.candidates = true;
    if (names_stop(key) && is_reason(value)) facts_.stop = true;
    if (key == "amazon-bedrock-invocationMetrics" || key == "messageStop") facts_.stop = true;
  }

  void text(std::string_view& into) {
    if (const auto value = in_.string()) into = *value;
  }
  void read_done() {
    facts_.done_known = true;
    facts_.done = in_.skip() == "true";
  }
  void read_message() {
    const auto value = in_.string();
    facts_.message = value && !value->empty();
  }
  void read_error() {
    if (in_.peek() != '{') {
      facts_.error = says_something(in_.skip());
      return;
    }
    facts_.error = true;
    in_.members([&](std::string_view key) {
      if (key == "code") {
        facts_.numeric_error = in_.number().has_value();
      } else {
        in_.skip();
      }
    });
  }

  // Cohere's and Anthropic's.
  void read_delta() {
    in_.members([&](std::string_view key) {
      const std::string_view value = in_.skip();
      if (key == "finish_reason" && value.size() > 2) {
        facts_.delta_finish = value.starts_with('"') ? value.substr(1, value.size() - 2) : "";
      }
      if (names_stop(key) && is_reason(value)) facts_.stop = true;
      if (key != "type" && says_something(value)) facts_.content = true;
    });
  }
  void read_block() {
    in_.members([&](std::string_view key) {
      const std::string_view value = in_.skip();
      if (key != "type" && says_something(value)) facts_.content = true;
    });
  }

  void read_choices() {
    facts_.choices = true;
    std::uint64_t position = 0;
    in_.elements([&] { read_choice(position++); });
  }
  void read_choice(std::uint64_t index) {
    bool finished = false;
    in_.members([&](std::string_view key) {
      if (key == "index") {
        index = in_.number().value_or(index);
      } else if (key == "finish_reason" || key == "stop_reason") {
        finished = says_something(in_.skip()) || finished;
      } else if (key == "delta" || key == "message") {
        read_output();
      } else if (key == "text") {
        facts_.output = says_something(in_.skip()) || facts_.output;
      } else {
        in_.skip();
      }
    });
    if (finished) facts_.stop = true;
    if (!facts_.seen.add(index) || (finished && !facts_.finished.add(index))) {
      facts_.unreadable_choice = true;
    }
  }
  void read_output() {
    in_.members([&](std::string_view key) {
      const bool said = says_something(in_.skip());
      if (said && key != "role") facts_.output = true;
    });
  }
  void read_outputs() {
    in_.elements([&] {
      in_.members([&](std::string_view key) {
        if (is_reason(in_.skip()) && names_stop(key)) facts_.stop = true;
      });
    });
  }

  void read_candidates() {
    facts_.candidates = true;
    in_.elements([&] {
      in_.members([&](std::string_view key) {
        if (key == "finishReason") {
          facts_.finish_reason = is_reason(in_.skip()) || facts_.finish_reason;
        } else if (key == "content") {
          in_.members([&](std::string_view inner) { read_parts(inner); });
        } else {
          in_.skip();
        }
      });
    });
  }
  void read_parts(std::string_view key) {
    if (key != "parts") {
      in_.skip();
      return;
    }
    in_.elements([&] { read_output(); });
  }
  void read_feedback() {
    facts_.candidates = true;
    in_.members([&](std::string_view key) {
      const bool said = is_reason(in_.skip());
      if (key == "blockReason" && said) facts_.blocked = true;
    });
  }

  JsonCursor& in_;
  EventFacts& facts_;
};

}  // namespace

bool read_facts(std::string_view json, EventFacts& facts) noexcept {
  JsonCursor cursor(json);
  if (cursor.peek() != '{') return false;
  Reader reader(cursor, facts);
  cursor.members([&](std::string_view key) { reader.top(key); });
  facts.object = cursor.at_end();
  return facts.object;
}

}  // namespace outrigger::http
