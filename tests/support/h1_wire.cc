#include "tests/support/h1_wire.h"

#include <algorithm>
#include <charconv>

namespace outrigger::test {
namespace {

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

void add_field_line(Fields& fields, std::string_view line) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) give_up("not a field line: '{}'", line);
  fields.emplace_back(line.substr(0, colon), trim(line.substr(colon + 1)));
}

}  // namespace

bool H1Reader::fill(Deadline deadline) {
  switch (channel_->read(buffer_, deadline)) {
    case Channel::Status::kDone:
      return true;
    case Channel::Status::kWouldBlock:
      failure_ = "no byte came in time";
      return false;
    case Channel::Status::kReset:
      failure_ = "the connection was reset";
      return false;
    case Channel::Status::kEnd:
      failure_ = "the connection was closed";
      return false;
  }
  return false;
}

H1Reader::Got H1Reader::read_head(H1Head& head, Deadline deadline) {
  failure_.clear();
  std::size_t end = 0;
  while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
    const Channel::Status status = channel_->read(buffer_, deadline);
    if (status == Channel::Status::kEnd) return Got::kEnd;
    if (status == Channel::Status::kReset) return Got::kReset;
    if (status == Channel::Status::kWouldBlock) return Got::kTimeout;
  }
  head = {};
  head.raw = take(end + 4);
  std::string_view lines = std::string_view(head.raw).substr(0, end + 2);
  head.start_line = lines.substr(0, lines.find("\r\n"));
  lines.remove_prefix(head.start_line.size() + 2);
  while (!lines.empty()) {
    const std::size_t line_end = lines.find("\r\n");
    add_field_line(head.fields, lines.substr(0, line_end));
    lines.remove_prefix(line_end + 2);
  }
  return Got::kHead;
}

void H1Reader::expect_framed_body(const H1Head& head) {
  trailers_.clear();
  failure_.clear();
  left_ = 0;
  framing_ = Framing::kNone;
  const std::string* length = find(head.fields, "content-length");
  if (find(head.fields, "transfer-encoding") != nullptr) {
    if (length != nullptr) give_up("both Content-Length and Transfer-Encoding: {}", head.raw);
    framing_ = Framing::kChunkSize;
  } else if (length != nullptr) {
    left_ = std::stoull(*length);
    framing_ = left_ == 0 ? Framing::kNone : Framing::kLength;
  }
}

void H1Reader::expect_body_of_request(const H1Head& head) {
  expect_framed_body(head);
}

void H1Reader::expect_body_of_response(const H1Head& head, int status,
                                       std::string_view request_method) {
  const bool framed = find(head.fields, "content-length") != nullptr ||
                      find(head.fields, "transfer-encoding") != nullptr;
  expect_framed_body(head);
  const bool connected = request_method == "CONNECT" && status / 100 == 2;
  if (request_method == "HEAD" || status == 204 || status == 304 || status / 100 == 1 ||
      connected) {
    framing_ = Framing::kNone;
  } else if (!framed) {
    framing_ = Framing::kUntilClose;
  }
}

std::string H1Reader::read_body_some(Deadline deadline) {
  for (;;) {
    switch (framing_) {
      case Framing::kNone:
        return {};
      case Framing::kLength:
      case Framing::kChunk: {
        if (buffer_.empty() && !fill(deadline)) return {};
        std::string piece = take(left_);
        left_ -= piece.size();
        if (left_ == 0) {
          framing_ = framing_ == Framing::kLength ? Framing::kNone : Framing::kChunkEnd;
        }
        return piece;
      }
      case Framing::kUntilClose: {
        if (buffer_.empty() && !fill(deadline)) {
          if (failure_ == "the connection was closed") {
            failure_.clear();
            framing_ = Framing::kNone;
          }
          return {};
        }
        return take(buffer_.size());
      }
      case Framing::kChunkEnd: {
        std::string line;
        if (!read_line(line, deadline)) return {};
        if (!line.empty()) give_up("chunk data is followed by '{}'", line);
        framing_ = Framing::kChunkSize;
        break;
      }
      case Framing::kChunkSize:
        if (!step_chunk_size(deadline)) return {};
        break;
      case Framing::kTrailers:
        if (!step_trailers(deadline)) return {};
        break;
    }
  }
}

bool H1Reader::step_chunk_size(Deadline deadline) {
  std::string line;
  if (!read_line(line, deadline)) return false;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), left_, 16);
  if (error != std::errc() || end != line.data() + line.size()) {
    give_up("not a plain chunk size: '{}'", line);
  }
  framing_ = left_ == 0 ? Framing::kTrailers : Framing::kChunk;
  return true;
}

bool H1Reader::step_trailers(Deadline deadline) {
  std::string line;
  if (!read_line(line, deadline)) return false;
  if (line.empty()) {
    framing_ = Framing::kNone;
  } else {
    add_field_line(trailers_, line);
  }
  return true;
}

bool H1Reader::read_line(std::string& line, Deadline deadline) {
  std::size_t end = 0;
  while ((end = buffer_.find("\r\n")) == std::string::npos) {
    if (!fill(deadline)) return false;
  }
  line = take(end);
  buffer_.erase(0, 2);
  return true;
}

std::string H1Reader::take(std::size_t most) {
  if (most >= buffer_.size()) return std::exchange(buffer_, {});
  std::string bytes = buffer_.substr(0, most);
  buffer_.erase(0, most);
  return bytes;
}

std::string write_fields(const Fields& fields) {
  std::string text;
  for (const auto& [name, value] : fields) text += name + ": " + value + "\r\n";
  return text + "\r\n";
}

std::string write_chunk(std::string_view bytes) {
  return fmt::format("{:x}\r\n{}\r\n", bytes.size(), bytes);
}

std::string write_last_chunk(const Fields& trailers) {
  return "0\r\n" + write_fields(trailers);
}

}  // namespace outrigger::test
