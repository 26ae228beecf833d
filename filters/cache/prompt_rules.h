// Whether a POST may be answered from the cache, and its answer kept (durability 3 items 20 and
// 21): not where the answer depends on more than the request says. Pure; for any bytes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "config/policies.h"
#include "filters/cache/prompt_bar.h"
#include "filters/cache/prompt_call.h"
#include "proxy/http/message.h"

namespace outrigger::filters {

struct PromptRuling {
  std::optional<PromptBar> bar = {};  // why not; nothing: it may
  PromptCall call = PromptCall::kNone;
  // It declares tools, or tells of their calls: two askers who get one answer with calls both make
  // them, so where the policy does not say `tool_calls` they do not share one on its way either.
  bool may_call_tools = false;
  std::string model = {};  // of the body, else of the target; empty: unknown
};

// `body` is all of it. Of several bars any is told.
[[nodiscard]] PromptRuling prompt_ruling(const http::RequestHead& head, std::string_view body,
                                         config::Dialect dialect, const config::Cache& policy);

}  // namespace outrigger::filters
