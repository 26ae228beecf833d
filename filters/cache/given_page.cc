#include "filters/cache/given_page.h"

#include <chrono>
#include <memory>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "filters/cache/byte_ranges.h"
#include "filters/cache/stored_response.h"
#include "filters/cache/validation.h"

namespace outrigger::filters {
namespace {

// One part of a body behind another.
class PartsBody final : public http::BodySource {
 public:
  explicit PartsBody(std::vector<http::Body> parts) noexcept : parts_(std::move(parts)) {}
  Task<Result<Slice>> read(CancelScope& scope) override {
    while (next_ < parts_.size()) {
      CO_TRY(Slice bytes, co_await parts_[next_].read(scope));
      if (!bytes.empty()) co_return bytes;
      ++next_;
    }
    co_return Slice{};
  }
  [[nodiscard]] bool ready() const noexcept override { return true; }

 private:
  std::vector<http::Body> parts_;
  std::size_t next_ = 0;
};

http::ResponseHead not_modified(const CacheEntryPtr& entry) {
  http::ResponseHead head;
  head.status = 304;
  head.headers.keep(Slice::held(entry, {}));
  for (const StoredField& field : entry->head.fields) {
    if (!belongs_in_not_modified(entry->head, field)) continue;
    head.headers.add_view(http::header_id(field.name), field.name, field.value,
                          http::Grammar::kChecked);
  }
  return head;
}

http::Body parts_of(const CacheEntryPtr& entry, const RangeAnswer& ranges) {
  std::vector<http::Body> parts;
  for (const BodyPart& part : ranges.parts) {
    parts.emplace_back(Slice::copy(part.before));
    parts.push_back(body_of(entry, part.begin, part.end - part.begin));
  }
  parts.emplace_back(Slice::copy(ranges.after));
  return {std::make_unique<PartsBody>(std::move(parts)), ranges.length};
}

// In place of the whole one's, which is among the stored fields.
void say_length(http::Headers& headers, std::uint64_t bytes) {
  headers.set("Content-Length", fmt::format_int(bytes).c_str());
}

void give_ranges(http::Response& response, const CacheEntryPtr& entry, const RangeAnswer& ranges) {
  http::Headers& headers = response.head.headers;
  if (!ranges.content_range.empty()) headers.set("Content-Range", ranges.content_range);
  switch (ranges.kind) {
    case RangeAnswer::Kind::kWhole:
      response.body = body_of(entry);
      return;
    case RangeAnswer::Kind::kPart: {
      const BodyPart& part = ranges.parts.front();
      response.head.status = 206;
      say_length(headers, part.end - part.begin);
      response.body = body_of(entry, part.begin, part.end - part.begin);
      return;
    }
    case RangeAnswer::Kind::kParts:
      response.head.status = 206;
      headers.set("Content-Type", ranges.content_type);
      say_length(headers, ranges.length);
      response.body = parts_of(entry, ranges);
      return;
    case RangeAnswer::Kind::kUnsatisfiable:
      response.head.status = 416;
      headers.remove(http::HeaderId::kContentType);
      say_length(headers, 0);
      return;
  }
}

}  // namespace

http::Response given_page(const http::RequestHead& request, const CacheEntryPtr& entry,
                          Duration age, std::string_view unique) {
  http::Response response;
  const Condition condition =
      evaluate_condition(request.headers, entry->head, entry->page.received_us);
  if (condition == Condition::kNotModified) {
    response.head = not_modified(entry);
  } else {
    response.head = head_of(entry);
    if (request.method == http::Method::kHead) {
      say_length(response.head.headers, entry->body_bytes());
    } else {
      give_ranges(response, entry,
                  answer_ranges(request.headers, entry->head, entry->body_bytes(), unique));
    }
  }
  add_age(response.head.headers, age);
  return response;
}

}  // namespace outrigger::filters
