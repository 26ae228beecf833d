// What a policy keeps its limits apart by.
#pragma once

#include <algorithm>
#include <vector>

#include "filters/exchange.h"
#include "filters/limits/shared_limit.h"

namespace outrigger::filters {

class LimitKeys {
 public:
  explicit LimitKeys(const std::vector<config::LimitKey>& names) noexcept
      : by_model_(std::ranges::find(names, config::LimitKey::kModel) != names.end()),
        by_credential_(std::ranges::find(names, config::LimitKey::kCredential) != names.end()) {}
  [[nodiscard]] LimitKeyView of(const Exchange& exchange) const noexcept {
    return {.model = by_model_ ? exchange.model : std::string_view(),
            .credential = by_credential_ ? exchange.credential : 0};
  }

 private:
  bool by_model_;
  bool by_credential_;
};

}  // namespace outrigger::filters
