#include "filters/credentials/client_credentials.h"

#include <algorithm>
#include <array>
#include <string>

#include "proxy/base/percent.h"

namespace outrigger::filters {
namespace {

using http::equals_ignore_case;
using http::HeaderId;

constexpr std::array<std::string_view, 3> kSignature = {"x-amz-date", "x-amz-security-token",
                                                        "x-amz-content-sha256"};

bool is_credential(const http::Field& field, const config::Credentials& policy) noexcept {
  switch (field.id) {
    case HeaderId::kAuthorization:
    case HeaderId::kXApiKey:
    case HeaderId::kApiKey:
    case HeaderId::kXGoogApiKey:
      return true;
    default:
      break;
  }
  if (equals_ignore_case(field.name, policy.header)) return true;
  return policy.aws && std::ranges::any_of(kSignature, [&](std::string_view name) {
           return equals_ignore_case(field.name, name);
         });
}

bool asks_by_query(const config::Credentials& policy) noexcept {
  return equals_ignore_case(policy.header, "x-goog-api-key");
}

}  // namespace

bool brings_credential(const Exchange& exchange, const config::Credentials& policy) {
  return exchange.credential != 0 || exchange.request.head.headers.find(policy.header) != nullptr;
}

std::string without_parameter(std::string_view target, std::string_view name) {
  const std::size_t mark = target.find('?');
  std::string out(target.substr(0, mark));
  if (mark == std::string_view::npos) return out;
  char before = '?';
  std::string_view rest = target.substr(mark + 1);
  while (!rest.empty()) {
    const std::string_view part = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(part.size() + 1, rest.size()));
    if (percent_decoded(part.substr(0, part.find('='))) == name) continue;
    out += before;
    out += part;
    before = '&';
  }
  return out;
}

ClientCredentials::ClientCredentials(Exchange& exchange, const config::Credentials& policy)
    : exchange_(exchange),
      credential_(exchange.credential),
      target_(exchange.request.head.target),
      sent_(target_) {
  http::RequestHead& head = exchange.request.head;
  std::erase_if(head.headers.fields(), [&](const http::Field& field) {
    if (!is_credential(field, policy)) return false;
    fields_.push_back(field);  // its text stays with the message
    return true;
  });
  exchange.credential = 0;
  if (!asks_by_query(policy) || !target_.contains('?')) return;
  const std::string without = without_parameter(target_, "key");
  if (without.size() == target_.size()) return;
  head.target = sent_ = head.headers.intern(without);
}

ClientCredentials::~ClientCredentials() {
  http::RequestHead& head = exchange_.request.head;
  for (const http::Field& field : fields_) {
    head.headers.add_view(field.id, field.name, field.value, field.grammar);
  }
  if (head.target.data() == sent_.data()) head.target = target_;
  exchange_.credential = credential_;
}

}  // namespace outrigger::filters
