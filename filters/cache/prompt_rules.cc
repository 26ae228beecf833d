#include "filters/cache/prompt_rules.h"

#include <algorithm>

#include "filters/cache/prompt_words.h"
#include "filters/classify/answer_kind.h"
#include "filters/classify/json_fields.h"
#include "filters/intake/request_facts.h"
#include "filters/json/json_text.h"
#include "proxy/base/json_cursor.h"

namespace outrigger::filters {
namespace {

// Deeper than prompts are, and as deep as keys are made of.
constexpr std::size_t kMostLevels = 128;

// `{}` says something here: {"googleSearch": {}}.
bool is_given(std::string_view value) noexcept {
  return value.starts_with('{') || says_something(value);
}

// The text of a string between its quotes; escapes are undone, or a name could hide behind them.
class Plain {
 public:
  explicit Plain(std::string_view raw) : view_(raw) {
    if (!raw.contains('\\')) return;
    decoded_ = JsonText(std::string_view(raw.data() - 1, raw.size() + 2)).string().value_or("");
    view_ = decoded_;
  }
  Plain(const Plain&) = delete;
  Plain& operator=(const Plain&) = delete;
  [[nodiscard]] std::string_view text() const noexcept { return view_; }

 private:
  std::string decoded_;
  std::string_view view_;
};

// One walk over a prompt.
class PromptWalk {
 public:
  PromptWalk(std::string_view body, PromptRuling& ruling, const config::Cache& policy)
      : cursor_(body), ruling_(ruling), policy_(policy) {}

  // Of the API of a model.
  void read_prompt() {
    if (cursor_.peek() != '{') return refuse(PromptBar::kNotJson);
    object({}, 1);
    end();
  }
  // Of an upstream whose words nobody knows.
  void read_other() {
    cursor_.members([&](std::string_view raw) {
      if (Plain(raw).text() == "model") {
        model();
      } else {
        cursor_.skip();
      }
    });
    end();
  }

 private:
  void end() {
    if (!cursor_.at_end()) refuse(PromptBar::kNotJson);
  }

  void refuse(PromptBar bar) {
    if (bar == PromptBar::kToolCalls) {
      ruling_.may_call_tools = true;
      if (policy_.tool_calls) return;
    }
    if (!ruling_.bar) ruling_.bar = bar;
  }

  void object(std::string_view around, std::size_t level) {
    cursor_.members([&](std::string_view raw) {
      const Plain name(raw);
      member(around, name.text(), level);
    });
  }

  void member(std::string_view around, std::string_view name, std::size_t level) {
    const bool request = level == 1;
    if (request && name == "model") return model();
    if (name == "tools" || (request && name == "functions")) return tools();
    if (request && name == "function_call") return skip();  // which function may be called
    if (is_made_up(request ? Within::kRequest : Within::kBelow, name)) return skip();
    const auto bar =
        request && bar_of_parameter(name) ? bar_of_parameter(name) : bar_of_member(around, name);
    if (!bar) return value(name, level);
    const char first = cursor_.peek();
    const bool allowed = *bar == PromptBar::kToolCalls && policy_.tool_calls;
    if (allowed && (first == '{' || first == '[')) return calls(name, level);
    if (is_given(cursor_.skip())) refuse(*bar);
  }

  // Allowed; what stands in them is read like everything else.
  void calls(std::string_view name, std::size_t level) {
    if (cursor_.peek() == '{') {
      ruling_.may_call_tools = true;
      return value(name, level);
    }
    cursor_.elements([&] {
      ruling_.may_call_tools = true;
      value(name, level + 1);
    });
  }

  void value(std::string_view name, std::size_t level) {
    const char first = cursor_.peek();
    if (first == '"') return text(name);
    if (first != '{' && first != '[') return skip();
    if (level >= kMostLevels) {
      refuse(PromptBar::kAmbiguous);
      return skip();
    }
    if (first == '{') return object(name, level + 1);
    cursor_.elements([&] { value(name, level + 1); });
  }

  void text(std::string_view name) {
    const auto raw = cursor_.string();
    if (!raw || !is_telling(name)) return;
    if (const auto bar = bar_of_text(name, Plain(*raw).text())) refuse(*bar);
  }

  void tools() {
    if (cursor_.peek() != '[') return skip();
    cursor_.elements([&] {
      ruling_.may_call_tools = true;
      tool();
    });
  }

  void tool() {
    if (cursor_.peek() != '{') return skip();
    std::string type;
    bool named = false;
    bool foreign = false;
    cursor_.members([&](std::string_view raw) {
      const Plain name(raw);
      if (name.text() == "type") {
        const auto text = cursor_.string();
        if (text) type = Plain(*text).text();
        return;
      }
      if (name.text() == "name" || name.text() == "function") {
        named = true;
      } else if (!declares_client_tool(name.text())) {
        foreign = true;
      }
      skip();
    });
    const bool runs_there = type.empty() ? foreign && !named : !is_client_tool(type);
    if (runs_there) refuse(PromptBar::kServerTool);
  }

  void model() {
    const auto raw = cursor_.string();
    if (!raw) return;
    const Plain name(*raw);
    const bool printable =
        std::ranges::all_of(name.text(), [](char c) { return c >= ' ' && c <= '~'; });
    if (printable && name.text().size() <= kLongestModel) ruling_.model = name.text();
  }

  void skip() { cursor_.skip(); }

  JsonCursor cursor_;
  PromptRuling& ruling_;
  const config::Cache& policy_;
};

// What can be told without the body.
std::optional<PromptBar> bar_of_head(const http::RequestHead& head, PromptCall call,
                                     const config::Cache& policy) noexcept {
  if (!policy.ttl) return PromptBar::kOff;
  if (head.method != http::Method::kPost) return PromptBar::kMethod;
  if (call == PromptCall::kNone) return PromptBar::kPath;
  if (!is_identity(head.headers)) return PromptBar::kCoded;
  if (!is_json(head.headers)) return PromptBar::kNotJson;
  return std::nullopt;
}

bool condition_holds(std::string_view body, const config::Cache& policy) {
  if (policy.if_json.empty()) return true;
  const JsonAnswer json(body);
  return std::ranges::all_of(policy.if_json,
                             [&](const config::JsonMatch& match) { return holds(json, match); });
}

}  // namespace

PromptRuling prompt_ruling(const http::RequestHead& head, std::string_view body,
                           config::Dialect dialect, const config::Cache& policy) {
  PromptRuling ruling;
  ruling.call = prompt_call(dialect, head.path());
  ruling.model = model_of_target(head.target);
  ruling.bar = bar_of_head(head, ruling.call, policy);
  if (!ruling.bar && body.size() > kLargestPrompt) ruling.bar = PromptBar::kTooLarge;
  if (ruling.bar) return ruling;
  PromptWalk walk(body, ruling, policy);
  if (ruling.call == PromptCall::kOther) {
    walk.read_other();
  } else {
    walk.read_prompt();
  }
  if (!ruling.bar && !condition_holds(body, policy)) ruling.bar = PromptBar::kCondition;
  return ruling;
}

}  // namespace outrigger::filters
