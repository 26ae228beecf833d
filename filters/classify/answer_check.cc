#include "filters/classify/answer_check.h"

#include <optional>
#include <string>

#include "filters/classify/answer_kind.h"
#include "filters/classify/error_body.h"
#include "proxy/base/json_checker.h"

namespace outrigger::filters {
namespace {

constexpr std::string_view kSpace = " \t\r\n";

// Checks a JSON document that comes in pieces.
class Document {
 public:
  void take(std::string_view piece) noexcept {
    if (!begun_) {
      piece.remove_prefix(std::min(piece.find_first_not_of(kSpace), piece.size()));
      begun_ = !piece.empty();
    }
    piece.remove_prefix(checker_.feed(piece));
    if (checker_.state() == JsonChecker::State::kDone) {
      excess_ |= piece.find_first_not_of(kSpace) != std::string_view::npos;
    }
  }
  [[nodiscard]] std::string_view defect() const noexcept {
    if (!begun_) return "empty_body";
    if (checker_.state() == JsonChecker::State::kInvalid || excess_) return "invalid_json";
    return checker_.finish() ? "" : "truncated";
  }

 private:
  JsonChecker checker_;
  bool begun_ = false;
  bool excess_ = false;
};

// What came out of the coding, when that is all of it. A coding that breaks off is an answer that
// does, whatever it holds.
std::string_view coded_defect(const http::Headers& headers, std::string_view body) {
  if (body.size() > kErrorBodyBytes) return {};
  const auto decoded =
      decode_bounded(headers.get(http::HeaderId::kContentEncoding), body, kErrorBodyBytes);
  if (!decoded) return {};
  if (!decoded->complete) return decoded->text.size() < kErrorBodyBytes ? "truncated" : "";
  Document document;
  document.take(decoded->text);
  return document.defect();
}

bool is_checked(const http::Headers& headers) noexcept {
  return is_json_type(headers.get(http::HeaderId::kContentType));
}

}  // namespace

std::string_view find_defect(const http::Headers& headers, const SliceQueue& body) {
  if (!is_checked(headers)) return {};
  if (body.empty()) return "empty_body";
  if (!is_identity(headers)) {
    if (body.bytes() > kErrorBodyBytes) return {};
    return coded_defect(headers, joined(body).view());
  }
  Document document;
  for (const Slice& piece : body) document.take(piece.view());
  return document.defect();
}

std::string_view find_defect(const http::Headers& headers, std::string_view body) {
  if (!is_checked(headers)) return {};
  if (body.empty()) return "empty_body";
  if (!is_identity(headers)) return coded_defect(headers, body);
  Document document;
  document.take(body);
  return document.defect();
}

Slice joined(const SliceQueue& pieces) {
  if (pieces.empty()) return {};
  if (pieces.size() == 1) return *pieces.begin();
  Block* block = Block::make(pieces.bytes());
  std::size_t at = 0;
  for (const Slice& piece : pieces) at += piece.view().copy(block->data() + at, piece.size());
  return Slice(block, block->data(), at);
}

}  // namespace outrigger::filters
