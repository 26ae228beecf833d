// Another request in the place of an exchange's own, for the calls of a repair: the same with
// another body. The original comes back with the end of this, unless it is told to stay. Lives in
// the frame of Validate::handle.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "filters/exchange.h"
#include "filters/intake/edited_body.h"

namespace outrigger::filters {

class Substitute {
 public:
  explicit Substitute(Exchange& exchange) noexcept : exchange_(exchange) {}
  Substitute(const Substitute&) = delete;
  Substitute& operator=(const Substitute&) = delete;
  ~Substitute() {
    if (put_ && !stays_) restore();
  }

  // As put_body(), of the original.
  void put(std::string body, std::string_view suffix);
  // An answer to it may still be on its way: the original is not needed any more.
  void stay() noexcept { stays_ = true; }

 private:
  void restore() noexcept;

  Exchange& exchange_;
  bool put_ = false;
  bool stays_ = false;
  ClientBody body_;
  std::vector<http::Field> fields_;
};

}  // namespace outrigger::filters
