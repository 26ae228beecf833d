#include "proxy/http/h1_chunked.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "proxy/http/h1_serializer.h"

namespace outrigger::http {
namespace {

using namespace std::string_literals;
using Event = ChunkedDecoder::Event;

struct Decoded {
  Event last = Event::kNeedMore;
  std::string data;
  std::string trailers;
  int status = 0;
  std::string code;
  std::size_t left = 0;  // bytes behind the body
  bool operator==(const Decoded&) const = default;
};

// Decodes `bytes`, given in pieces that end at the offsets `cuts`.
Decoded decode(std::string_view bytes, const std::vector<std::size_t>& cuts = {},
               HeadLimits limits = {}) {
  ChunkedDecoder decoder(limits);
  Decoded out;
  std::size_t begin = 0;
  for (std::size_t i = 0; i <= cuts.size(); ++i) {
    const std::size_t end = i < cuts.size() ? cuts[i] : bytes.size();
    const std::string piece(bytes.substr(begin, end - begin));
    std::string_view in = piece;
    for (std::string_view data; (out.last = decoder.next(in, data)) == Event::kData;)
      out.data += data;
    if (out.last == Event::kEnd) out.left = bytes.size() - end + in.size();
    if (out.last != Event::kNeedMore) break;
    EXPECT_TRUE(in.empty());
    begin = end;
  }
  if (out.last == Event::kRefused) {
    out.status = decoder.refusal().status;
    out.code = decoder.refusal().code;
  }
  EXPECT_EQ(decoder.done(), out.last == Event::kEnd);
  if (decoder.trailers() != nullptr) {
    for (const Field& field : *decoder.trailers()) {
      out.trailers += std::string(field.name) + "=" + std::string(field.value) + ";";
    }
  }
  return out;
}

struct Accepted {
  std::string name, source, bytes, data, trailers;
  std::size_t left = 0;
};

// clang-format off: a row is a line
std::vector<Accepted> accepted() {
  const std::string s = "RFC 9112 7.1";
  return {
      {"empty body", s, "0\r\n\r\n", "", ""},
      {"one chunk", s, "5\r\nhello\r\n0\r\n\r\n", "hello", ""},
      {"two chunks", s, "5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n", "hello!", ""},
      {"hex digits in both cases", s, "a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789", ""},
      {"leading zeros", s, "0005\r\nhello\r\n000\r\n\r\n", "hello", ""},
      {"16 digits", "architecture 8", "0000000000000005\r\nhello\r\n0\r\n\r\n", "hello", ""},
      {"data that looks like a chunk", s, "7\r\n0\r\n\r\n\r\n\r\n0\r\n\r\n", "0\r\n\r\n\r\n", ""},
      {"bytes behind the end", s, "0\r\n\r\nGET", "", "", 3},
      {"extension", "RFC 9112 7.1.1", "5;a\r\nhello\r\n0;b\r\n\r\n", "hello", ""},
      {"extension with value", "RFC 9112 7.1.1", "5;a=b;c=d\r\nhello\r\n0\r\n\r\n", "hello", ""},
      {"extension with quoted value", "RFC 9112 7.1.1", "5;a=\"b;\\\"c\\\\ \t\xC3\";d\r\nhello\r\n0\r\n\r\n", "hello", ""},
      {"extension of 256 bytes", "architecture 8", "5;" + std::string(255, 'a') + "\r\nhello\r\n0\r\n\r\n", "hello", ""},
      {"extension of 256 bytes on each chunk", "architecture 8", "1;" + std::string(255, 'a') + "\r\nx\r\n1;" + std::string(255, 'b') + "\r\ny\r\n0\r\n\r\n", "xy", ""},
      {"trailer", "RFC 9112 7.1.2", "0\r\nX-A: b\r\n\r\n", "", "X-A=b;"},
      {"trailers behind data", "RFC 9112 7.1.2", "2\r\nhi\r\n0\r\ngrpc-status: 0\r\ngrpc-message: \r\n\r\nX", "hi", "grpc-status=0;grpc-message=;", 1},
      {"meaningless trailers are dropped", "RFC 9110 6.5.1", "0\r\nContent-Type: a\r\nX-A: b\r\nSet-Cookie: c\r\n\r\n", "", "X-A=b;"},
      {"nothing left of the trailers", "RFC 9110 6.5.1", "0\r\nVary: a\r\n\r\n", "", ""},
  };
}

struct Refused {
  std::string name, source, bytes;
  int status;
  std::string code;
};

std::vector<Refused> refused() {
  const std::string s = "RFC 9112 7.1";
  std::string extensions;
  for (int i = 0; i < 20; ++i) extensions += "1;" + std::string(250, 'e') + "\r\nx\r\n";
  std::string many;
  for (int i = 0; i < 101; ++i) many += "X-" + std::to_string(i) + ": v\r\n";
  return {
      {"empty size", s, "\r\n", 400, "bad_chunk_size"},
      {"leading space", s, " 5\r\nhello\r\n", 400, "bad_chunk_size"},
      {"leading tab", s, "\t5\r\nhello\r\n", 400, "bad_chunk_size"},
      {"trailing space", s, "5 \r\nhello\r\n", 400, "bad_chunk_size"},
      {"trailing tab", s, "5\t\r\nhello\r\n", 400, "bad_chunk_size"},
      {"0x prefix", s, "0x5\r\nhello\r\n", 400, "bad_chunk_size"},
      {"plus sign", s, "+5\r\nhello\r\n", 400, "bad_chunk_size"},
      {"minus sign", s, "-5\r\nhello\r\n", 400, "bad_chunk_size"},
      {"underscore", s, "1_0\r\nhello\r\n", 400, "bad_chunk_size"},
      {"no hex digit", s, "g\r\nhello\r\n", 400, "bad_chunk_size"},
      {"decimal point", s, "5.0\r\nhello\r\n", 400, "bad_chunk_size"},
      {"NUL behind size", s, "5\0\r\nhello\r\n"s, 400, "bad_chunk_size"},
      {"obs-text as size", s, "\xB5\r\nhello\r\n", 400, "bad_chunk_size"},
      {"17 digits", "architecture 8", "00000000000000005\r\nhello\r\n", 400, "chunk_too_large"},
      {"40 leading zeros", "architecture 8", std::string(40, '0') + "5\r\nhello\r\n", 400, "chunk_too_large"},
      {"2^64 + 5", s, "10000000000000005\r\nhello\r\n", 400, "chunk_too_large"},
      {"2^63", s, "8000000000000000\r\n", 400, "chunk_too_large"},
      {"2^64 - 1", s, "ffffffffffffffff\r\n", 400, "chunk_too_large"},
      {"LF ends the size", s, "5\nhello\r\n0\r\n\r\n", 400, "bare_lf"},
      {"CR without LF ends the size", s, "5\rhello\r\n0\r\n\r\n", 400, "bare_cr"},
      {"CR CR LF ends the size", s, "5\r\r\nhello\r\n", 400, "bare_cr"},
      {"LF ends the data", s, "5\r\nhello\n0\r\n\r\n", 400, "bad_chunk_end"},
      {"CR without LF ends the data", s, "5\r\nhello\r0\r\n\r\n", 400, "bad_chunk_end"},
      {"nothing ends the data", s, "5\r\nhello0\r\n\r\n", 400, "bad_chunk_end"},
      {"data longer than said", s, "4\r\nhello\r\n0\r\n\r\n", 400, "bad_chunk_end"},
      {"data shorter than said", s, "6\r\nhello\r\n0\r\n\r\n", 400, "bad_chunk_end"},
      {"LF ends the last chunk", s, "0\n\n", 400, "bare_lf"},
      {"CR without LF at the end", s, "0\r\n\rX", 400, "bare_cr"},
      {"LF at the end", s, "0\r\n\n", 400, "bare_lf"},
      {"extension without name", "RFC 9112 7.1.1", "5;\r\nhello\r\n", 400, "bad_chunk_extension"},
      {"two semicolons", "RFC 9112 7.1.1", "5;;a\r\nhello\r\n", 400, "bad_chunk_extension"},
      {"space behind semicolon", "RFC 9112 7.1.1", "5; a\r\nhello\r\n", 400, "bad_chunk_extension"},
      {"space before semicolon", "RFC 9112 7.1.1", "5 ;a\r\nhello\r\n", 400, "bad_chunk_size"},
      {"space before equals sign", "RFC 9112 7.1.1", "5;a =b\r\nhello\r\n", 400, "bad_chunk_extension"},
      {"space behind extension", "RFC 9112 7.1.1", "5;a \r\nhello\r\n", 400, "bad_chunk_extension"},
      {"extension without value", "RFC 9112 7.1.1", "5;a=\r\nhello\r\n", 400, "bad_chunk_extension"},
      {"extension ended by LF", "architecture 8", "5;a\nhello\r\n", 400, "bare_lf"},
      {"extension ended by CR alone", "architecture 8", "5;a\rX\r\nhello\r\n", 400, "bare_cr"},
      {"LF in quoted extension", "RFC 9110 5.6.4", "5;a=\"\n\"\r\nhello\r\n", 400, "bad_chunk_extension"},
      {"CR in quoted extension", "RFC 9110 5.6.4", "5;a=\"\r\n\"\r\nhello\r\n", 400, "bad_chunk_extension"},
      {"escaped CR in extension", "RFC 9110 5.6.4", "5;a=\"\\\r\n\"\r\nhello\r\n", 400, "bad_chunk_extension"},
      {"NUL in extension", "RFC 9112 7.1.1", "5;a\0b\r\nhello\r\n"s, 400, "bad_chunk_extension"},
      {"text behind quoted extension", "RFC 9112 7.1.1", "5;a=\"b\"c\r\nhello\r\n", 400, "bad_chunk_extension"},
      {"extension of 257 bytes", "architecture 8", "5;" + std::string(257, 'a') + "\r\n", 400, "chunk_extension_too_large"},
      {"extensions of 5 KiB in all", "architecture 8", extensions, 400, "chunk_extension_too_large"},
      {"Content-Length as trailer", "architecture 8", "0\r\nContent-Length: 5\r\n\r\n", 400, "forbidden_trailer"},
      {"Transfer-Encoding as trailer", "RFC 9110 6.5.1", "0\r\ntransfer-encoding: chunked\r\n\r\n", 400, "forbidden_trailer"},
      {"Host as trailer", "RFC 9110 6.5.1", "0\r\nHost: b.test\r\n\r\n", 400, "forbidden_trailer"},
      {"Authorization as trailer", "RFC 9110 6.5.1", "0\r\nX: y\r\nAuthorization: b\r\n\r\n", 400, "forbidden_trailer"},
      {"own header as trailer", "architecture 9, rule 5", "0\r\nOutrigger-Step: b\r\n\r\n", 400, "forbidden_trailer"},
      {"guarded spelling in trailer", "architecture 9, rule 5", "0\r\nContent_Length: 5\r\n\r\n", 400, "guarded_field_spelling"},
      {"obs-fold in trailer", "RFC 9112 5.2", "0\r\nX: y\r\n z\r\n\r\n", 400, "obs_fold"},
      {"trailer begins with space", "RFC 9112 5.2", "0\r\n X: y\r\n\r\n", 400, "obs_fold"},
      {"LF ends a trailer", "RFC 9112 2.2", "0\r\nX: y\n\r\n", 400, "bare_lf"},
      {"space before colon in trailer", "RFC 9112 5.1", "0\r\nX : y\r\n\r\n", 400, "space_in_field_name"},
      {"another request as trailer", "RFC 9112 5.1", "0\r\nGET / HTTP/1.1\r\n\r\n", 400, "space_in_field_name"},
      {"101 trailers", "architecture 8", "0\r\n" + many + "\r\n", 431, "too_many_fields"},
      {"trailer of 20 KiB", "architecture 8", "0\r\nX: " + std::string(20480, 'v') + "\r\n\r\n", 431, "field_too_large"},
  };
}

// clang-format on

TEST(ChunkedDecoder, ReadsWellFormedBodies) {
  for (const Accepted& row : accepted()) {
    const Decoded out = decode(row.bytes);
    EXPECT_EQ(out.last, Event::kEnd) << row.name << ": " << out.code;
    EXPECT_EQ(out.data, row.data) << row.name;
    EXPECT_EQ(out.trailers, row.trailers) << row.name;
    EXPECT_EQ(out.left, row.left) << row.name;
  }
}

TEST(ChunkedDecoder, RefusesEverythingElse) {
  for (const Refused& row : refused()) {
    const Decoded out = decode(row.bytes);
    EXPECT_EQ(out.last, Event::kRefused) << row.name << ", " << row.source;
    EXPECT_EQ(out.status, row.status) << row.name << ", " << row.source;
    EXPECT_EQ(out.code, row.code) << row.name << ", " << row.source;
  }
}

TEST(ChunkedDecoder, ReadsTheSameHoweverTheBytesAreSplit) {
  std::mt19937 random(3);
  std::vector<std::string> all;
  for (const Accepted& row : accepted()) all.push_back(row.bytes);
  for (const Refused& row : refused()) all.push_back(row.bytes);
  for (const std::string& bytes : all) {
    const Decoded whole = decode(bytes);
    const std::size_t step = 1 + bytes.size() / 500;
    for (std::size_t cut = 0; cut <= bytes.size(); cut += step) {
      ASSERT_EQ(decode(bytes, {cut}), whole) << bytes.substr(0, 60) << " cut at " << cut;
    }
    for (int i = 0; i < 20; ++i) {
      std::vector<std::size_t> cuts;
      for (std::size_t at = 0; (at += random() % 6) < bytes.size();) cuts.push_back(at);
      ASSERT_EQ(decode(bytes, cuts), whole) << bytes.substr(0, 60);
    }
  }
}

TEST(ChunkedDecoder, NeedsMoreAtEveryPrefix) {
  for (const Accepted& row : accepted()) {
    for (std::size_t size = 0; size + row.left < row.bytes.size(); ++size) {
      ASSERT_EQ(decode(row.bytes.substr(0, size)).last, Event::kNeedMore)
          << row.name << " " << size;
    }
  }
}

TEST(ChunkedDecoder, RepeatsItsLastWord) {
  ChunkedDecoder decoder({});
  std::string_view in = "0\r\n\r\nX";
  std::string_view data;
  EXPECT_EQ(decoder.next(in, data), Event::kEnd);
  EXPECT_EQ(decoder.next(in, data), Event::kEnd);
  EXPECT_EQ(in, "X");
  decoder = ChunkedDecoder({});
  in = "!";
  EXPECT_EQ(decoder.next(in, data), Event::kRefused);
  in = "0\r\n\r\n";
  EXPECT_EQ(decoder.next(in, data), Event::kRefused);
  in = {};
  EXPECT_EQ(decoder.next(in, data), Event::kRefused);
}

TEST(ChunkedDecoder, ReadsBackWhatTheSerializerWrites) {
  Buffer out;
  const std::string payload(4711, 'p');
  write_chunk_head(out, payload.size());
  out.append(payload);
  out.append(kCrlf);
  Headers trailers;
  trailers.add("grpc-status", "0");
  trailers.add("content-length", "5");  // must not get out
  ASSERT_TRUE(write_last_chunk(out, &trailers));
  const Decoded whole = decode(out.view());
  EXPECT_EQ(whole.last, Event::kEnd);
  EXPECT_EQ(whole.data, payload);
  EXPECT_EQ(whole.trailers, "grpc-status=0;");
}

TEST(ChunkedDecoder, KeepsTrailersToTheirBounds) {
  const std::string body = "0\r\nX: y\r\n\r\n";
  EXPECT_EQ(decode(body, {}, {8, 6, 1}).last, Event::kEnd);
  EXPECT_EQ(decode(body, {}, {7, 6, 1}).code, "head_too_large");
  EXPECT_EQ(decode(body, {}, {8, 5, 1}).code, "field_too_large");
  EXPECT_EQ(decode(body, {}, {8, 6, 0}).code, "too_many_fields");
}

}  // namespace
}  // namespace outrigger::http
