#include "filters/validate/substitute.h"

#include <utility>

namespace outrigger::filters {

void Substitute::put(std::string body, std::string_view suffix) {
  std::vector<http::Field>& fields = exchange_.request.head.headers.fields();
  if (put_) {
    fields = fields_;
    put_body(exchange_, std::move(body), suffix);
    return;
  }
  put_ = true;
  fields_ = fields;
  body_ = put_body(exchange_, std::move(body), suffix);
}

void Substitute::restore() noexcept {
  exchange_.request.head.headers.fields() = std::move(fields_);
  put_back(exchange_, std::move(body_));
}

}  // namespace outrigger::filters
