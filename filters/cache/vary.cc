#include "filters/cache/vary.h"

#include <algorithm>

#include "config/field_name.h"
#include "filters/cache/field_list.h"
#include "proxy/http/h1_grammar.h"

namespace outrigger::filters {
namespace {

using config::lower_case;
using http::equals_ignore_case;

// All members of the fields of that name; `found` when there is any field.
std::vector<std::string_view> members_of(const http::Headers& request, std::string_view name,
                                         bool& found) {
  std::vector<std::string_view> members;
  for (const http::Field& field : request) {
    if (!equals_ignore_case(field.name, name)) continue;
    found = true;
    std::string_view rest = field.value;
    for (std::string_view member; next_member(rest, member);) {
      // RFC 9110 5.6.1.2: empty elements do not count.
      if (!member.empty()) members.push_back(member);
    }
  }
  return members;
}

std::string without_spaces(std::string_view text) {
  std::string kept;
  std::ranges::copy_if(text, std::back_inserter(kept),
                       [](char c) { return c != ' ' && c != '\t'; });
  return kept;
}

// Members of Accept-Language and Accept-Encoding: tokens, and weights that spaces may stand around.
std::vector<std::string> folded(const std::vector<std::string_view>& members) {
  std::vector<std::string> texts;
  for (const std::string_view member : members) {
    texts.push_back(lower_case(without_spaces(member)));
  }
  return texts;
}

template <typename Texts>
void append_joined(std::string& text, const Texts& members) {
  const char* separator = "";
  for (const auto& member : members) {
    text += separator;
    text += member;
    separator = ",";
  }
}

}  // namespace

VaryNames vary_names(const http::Headers& answer) {
  VaryNames vary;
  for (const http::Field& field : answer) {
    if (!equals_ignore_case(field.name, "vary")) continue;
    std::string_view rest = field.value;
    for (std::string_view name; http::next_list_item(rest, name);) {
      if (name == "*") vary.anything = true;
      if (!name.empty()) vary.names.push_back(lower_case(name));
    }
  }
  std::ranges::sort(vary.names);
  const auto doubles = std::ranges::unique(vary.names);
  vary.names.erase(doubles.begin(), doubles.end());
  return vary;
}

std::string vary_text(const http::Headers& request, std::span<const std::string> names) {
  std::string text;
  for (const std::string& name : names) {
    bool found = false;
    const std::vector<std::string_view> members = members_of(request, name, found);
    text += name;
    if (found) text += ':';
    if (name == "accept-encoding") {
      std::vector<std::string> codings = folded(members);
      std::ranges::sort(codings);
      append_joined(text, codings);
    } else if (name == "accept-language") {
      append_joined(text, folded(members));  // some servers go by the order of tags
    } else {
      append_joined(text, members);
    }
    text += '\n';  // stands in no field
  }
  return text;
}

}  // namespace outrigger::filters
