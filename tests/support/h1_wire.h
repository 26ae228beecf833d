// HTTP/1 as the test peers speak it: enough to read what a proxy may send, and to say what went
// wrong. Written apart from the proxy's parser, so that a mistake there cannot hide here.
#pragma once

#include <string>
#include <string_view>

#include "tests/support/channel.h"
#include "tests/support/message.h"

namespace outrigger::test {

struct H1Head {
  std::string start_line;
  Fields fields;
  std::string raw;  // with the empty line
};

// Reads one connection's messages in order.
class H1Reader {
 public:
  explicit H1Reader(Channel& channel) : channel_(&channel) {}

  enum class Got { kHead, kEnd, kReset, kTimeout };
  // kEnd and kReset: the peer left; leftover() holds what came before.
  Got read_head(H1Head& head, Deadline deadline = Deadline());

  // Framing of the body that follows, from the head just read.
  void expect_no_body() { framing_ = Framing::kNone; }
  void expect_body_of_request(const H1Head& head);
  void expect_body_of_response(const H1Head& head, int status, std::string_view request_method);

  // After a 101, or a 2xx to CONNECT: everything up to the connection's end.
  void expect_tunnel() { framing_ = Framing::kUntilClose; }

  // The next piece; empty at the end of the body or when it broke off: failure() tells.
  std::string read_body_some(Deadline deadline = Deadline());
  [[nodiscard]] bool complete() const { return framing_ == Framing::kNone && failure_.empty(); }
  [[nodiscard]] const std::string& failure() const { return failure_; }
  [[nodiscard]] const Fields& trailers() const { return trailers_; }

  // Bytes received and not used yet.
  [[nodiscard]] std::string& leftover() { return buffer_; }

 private:
  enum class Framing { kNone, kLength, kChunkSize, kChunk, kChunkEnd, kTrailers, kUntilClose };
  bool fill(Deadline deadline);
  bool read_line(std::string& line, Deadline deadline);
  std::string take(std::size_t most);
  bool step_chunk_size(Deadline deadline);
  bool step_trailers(Deadline deadline);
  void expect_framed_body(const H1Head& head);

  Channel* channel_;
  std::string buffer_;
  Framing framing_ = Framing::kNone;
  std::size_t left_ = 0;  // of the length or of the chunk
  std::string failure_;
  Fields trailers_;
};

std::string write_fields(const Fields& fields);  // with the empty line
std::string write_chunk(std::string_view bytes);
std::string write_last_chunk(const Fields& trailers);

}  // namespace outrigger::test
