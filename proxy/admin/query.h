// The query of an admin request: names and values. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace outrigger::admin {

class Query {
 public:
  Query() = default;
  // Of a request's path and query.
  explicit Query(std::string_view target);

  // The value of a parameter, decoded; nothing when it is not there.
  [[nodiscard]] std::optional<std::string_view> get(std::string_view name) const noexcept;
  // The first name that is not among the known ones, or that stands there twice.
  [[nodiscard]] std::optional<std::string_view> stray(
      const std::vector<std::string_view>& known) const noexcept;

 private:
  std::vector<std::pair<std::string, std::string>> parameters_;
};

}  // namespace outrigger::admin
