// The HTTP/1 codec on any bytes: read as a request, as a response and as a chunked body. The way
// they are split changes nothing, what is accepted follows the grammar line by line, and what we
// write of it reads back the same and is a fixed point.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/http/h1_chunked.h"
#include "proxy/http/h1_serializer.h"
#include "tests/fuzz/require.h"
#include "tests/unit/http/h1_cases.h"

namespace outrigger::http {
namespace {

using Cuts = std::vector<std::size_t>;
constexpr HeadLimits kLimits{600, 300, 12};  // small, so that short inputs reach them

// Three ways to cut, chosen by the input itself: so a finding replays from its bytes alone.
std::vector<Cuts> cuts_of(std::string_view bytes) {
  std::uint64_t state = 0x9e3779b97f4a7c15u;
  for (const char byte : bytes) state = (state ^ static_cast<unsigned char>(byte)) * 0x100000001b3u;
  const auto next = [&](std::size_t bound) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return static_cast<std::size_t>(state % bound);
  };
  std::vector<Cuts> all(2);
  all[0] = {next(bytes.size() + 1)};
  for (std::size_t at = next(9); at < bytes.size(); at += 1 + next(9)) all[1].push_back(at);
  if (bytes.size() < 200) {
    Cuts& each = all.emplace_back();
    for (std::size_t at = 0; at < bytes.size(); ++at) each.push_back(at);
  }
  return all;
}

// A second, slow reading of an accepted head: whole lines, one field each, no byte that a line must
// not hold.
void check_lines(std::string_view head, std::size_t fields) {
  if (head.starts_with("\r\n")) head.remove_prefix(2);
  require(head.ends_with("\r\n\r\n"), "a head ends in an empty line");
  head.remove_suffix(2);
  for (std::size_t line = 0; !head.empty(); ++line) {
    const std::size_t end = head.find("\r\n");
    require(end != std::string_view::npos && end != 0, "a head is whole lines");
    const std::string_view text = head.substr(0, end);
    head.remove_prefix(end + 2);
    require(line <= fields, "a line is one field");
    if (line == fields) require(head.empty(), "a field is one line");
    for (const char byte : text) {
      require(byte == '\t' || (static_cast<unsigned char>(byte) >= 0x20 && byte != 0x7f),
              "a line holds no control character");
    }
    if (line == 0) continue;
    const std::size_t colon = text.find(':');
    require(colon != std::string_view::npos && colon != 0, "a field has a name");
    require(text.substr(0, colon).find_first_of(" \t\"(),/;<=>?@[\\]{}") == std::string_view::npos,
            "a name is a token");
  }
}

void check_request(std::string_view bytes) {
  const H1Verdict whole = judge_request(bytes, {}, kLimits);
  for (const Cuts& cuts : cuts_of(bytes)) {
    require(judge_request(bytes, cuts, kLimits) == whole,
            "a request reads the same however it is split");
  }
  if (whole.progress != Progress::kComplete) return;
  RequestParser parser(kLimits);
  parser.parse(bytes);
  const std::string_view text = bytes.substr(0, whole.head_bytes);
  const RequestHead head = parser.take(Slice::copy(text));
  check_lines(text, head.headers.size());
  if (whole.status != 0 || head.authority.empty()) return;

  RequestParser reader({});
  const auto option =
      head.protocol.empty() ? ConnectionOption::kKeepAlive : ConnectionOption::kUpgrade;
  Buffer once;
  require(write_request(once, head, whole.framing, option).has_value(),
          "a request that was read can be written");
  require(reader.parse(once.view()) == Progress::kComplete,
          "a request that was written can be read");
  require(reader.size() == once.size(), "a written request is one head");
  const RequestHead again = reader.take(Slice::copy(once.view()));
  require(again.method_text == head.method_text && again.target == head.target &&
              again.protocol == head.protocol,
          "a written request asks the same");
  require(request_framing(again) == whole.framing, "a written request is framed the same");
  Buffer twice;
  require(write_request(twice, again, whole.framing, option).has_value(),
          "and can be written again");
  require(twice.view() == once.view(), "writing what was read is a fixed point");
}

void check_response(std::string_view bytes, Method of_request) {
  const H1Verdict whole = judge_response(bytes, {}, of_request, kLimits);
  for (const Cuts& cuts : cuts_of(bytes)) {
    require(judge_response(bytes, cuts, of_request, kLimits) == whole,
            "a response reads the same however it is split");
  }
  if (whole.progress != Progress::kComplete) return;
  ResponseParser parser(kLimits);
  parser.parse(bytes);
  const std::string_view text = bytes.substr(0, whole.head_bytes);
  const ResponseHead head = parser.take(Slice::copy(text));
  check_lines(text, head.headers.size());
  if (whole.status != 0) return;
  Buffer once;
  Buffer twice;
  require(write_response(once, head, whole.framing, ConnectionOption::kKeepAlive, Version::kHttp11)
              .has_value(),
          "a response that was read can be written");
  ResponseParser reader({});
  require(reader.parse(once.view()) == Progress::kComplete && reader.size() == once.size(),
          "a response that was written can be read");
  const ResponseHead again = reader.take(Slice::copy(once.view()));
  require(response_framing(again, of_request) == whole.framing,
          "a written response is framed the same");
  require(
      write_response(twice, again, whole.framing, ConnectionOption::kKeepAlive, Version::kHttp11)
              .has_value() &&
          twice.view() == once.view(),
      "writing what was read is a fixed point");
}

struct Decoded {
  ChunkedDecoder::Event last = ChunkedDecoder::Event::kNeedMore;
  std::string text;  // data, then trailers or the refusal
  std::size_t left = 0;
  bool operator==(const Decoded&) const = default;
};

Decoded decode(std::string_view bytes, const Cuts& cuts) {
  using Event = ChunkedDecoder::Event;
  ChunkedDecoder decoder(kLimits);
  Decoded out;
  std::size_t begin = 0;
  for (std::size_t i = 0; i <= cuts.size() && out.last == Event::kNeedMore; ++i) {
    const std::size_t end = i < cuts.size() ? cuts[i] : bytes.size();
    const std::string piece(bytes.substr(begin, end - begin));
    std::string_view in = piece;
    for (std::string_view data; (out.last = decoder.next(in, data)) == Event::kData;)
      out.text += data;
    if (out.last == Event::kEnd) out.left = bytes.size() - end + in.size();
    begin = end;
  }
  if (out.last == Event::kRefused) out.text += decoder.refusal().code;
  if (decoder.trailers() == nullptr) return out;
  for (const Field& field : *decoder.trailers()) {
    out.text += "\n" + std::string(field.name) + ":" + std::string(field.value);
  }
  return out;
}

void check_chunked(std::string_view bytes) {
  const Decoded whole = decode(bytes, {});
  for (const Cuts& cuts : cuts_of(bytes)) {
    require(decode(bytes, cuts) == whole, "a chunked body reads the same however it is split");
  }
  require(whole.text.size() <= bytes.size() + 64, "decoding adds nothing");
}

}  // namespace
}  // namespace outrigger::http

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace outrigger;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  http::check_request(bytes);
  http::check_response(bytes, http::Method::kGet);
  http::check_response(bytes, http::Method::kHead);
  http::check_chunked(bytes);
  require(Block::live() == 0, "no block is left behind");
  return 0;
}
