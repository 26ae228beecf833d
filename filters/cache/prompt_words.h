// The words by which the body of a prompt tells that its answer depends on more than the prompt, by
// provider. Pure.
#pragma once

#include <optional>
#include <string_view>

#include "filters/cache/prompt_bar.h"

namespace outrigger::filters {

// What the member of that name, of the request itself or anywhere below it, means where its value
// says something.
[[nodiscard]] std::optional<PromptBar> bar_of_parameter(std::string_view name) noexcept;
[[nodiscard]] std::optional<PromptBar> bar_of_member(std::string_view around,
                                                     std::string_view name) noexcept;
// What a string means there: a type, a role, a place on the net. Only of some names is it read.
[[nodiscard]] bool is_telling(std::string_view name) noexcept;
[[nodiscard]] std::optional<PromptBar> bar_of_text(std::string_view name,
                                                   std::string_view text) noexcept;

// Members that hold what users made up: schemas, arguments, labels. Their names mean nothing.
enum class Within : std::uint8_t { kRequest, kBelow };
[[nodiscard]] bool is_made_up(Within within, std::string_view name) noexcept;

// Whether tools of that type run where the client is.
[[nodiscard]] bool is_client_tool(std::string_view type) noexcept;
// Whether that member of a tool without a type says that it is such a one, or is of no account.
[[nodiscard]] bool declares_client_tool(std::string_view name) noexcept;

}  // namespace outrigger::filters
