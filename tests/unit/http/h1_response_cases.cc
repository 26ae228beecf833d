#include "tests/unit/http/h1_cases.h"

namespace outrigger::http {
namespace {

using namespace std::string_literals;
using Cases = std::vector<H1Case>;

// A 200 with these field lines.
std::string with(const std::string& lines) {
  return "HTTP/1.1 200 OK\r\n" + lines + "\r\n";
}

// clang-format off: a row is a line
void add_accepted(Cases& all) {
  const std::string s = "RFC 9112 4";
  all.insert(all.end(), {
    {"minimal", s, "HTTP/1.1 200 OK\r\n\r\n"},
    {"empty reason", s, "HTTP/1.1 200 \r\n\r\n"},
    {"no reason and no space", s, "HTTP/1.1 200\r\n\r\n"},
    {"reason of words, tab and obs-text", s, "HTTP/1.1 404 Not\tfound \xC3\xA9\r\n\r\n"},
    {"two spaces before reason", s, "HTTP/1.1 200  OK\r\n\r\n"},
    {"HTTP/1.0", s, "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n"},
    {"interim", "RFC 9110 15.2", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"},
    {"switching protocols", "RFC 9110 15.2.2", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"},
    {"204 with length", "RFC 9110 8.6", "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"},
    {"304 with length", "RFC 9110 8.6", "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n"},
    {"status 600", "RFC 9110 15", "HTTP/1.1 600 Odd\r\n\r\n"},
    {"status 999", "RFC 9110 15", "HTTP/1.1 999 Odd\r\n\r\n"},
    {"chunked", "RFC 9112 7.1", with("Transfer-Encoding: Chunked\r\n")},
    {"until close", "RFC 9112 6.3", with("Content-Type: text/event-stream\r\n")},
    {"two content types", "architecture 9", with("Content-Type: a/b\r\nContent-Type: a/b\r\n")},
    {"Connection names a guarded field, which stays", "RFC 9110 7.6.1", with("Connection: Content-Length\r\nContent-Length: 1\r\n")},
    {"two cookies", "RFC 6265 3", with("Set-Cookie: a=b\r\nSet-Cookie: c=d\r\n")},
    {"Host in an answer", "RFC 9110 7.2", with("Host: a.test\r\n")},
  });
}

void add_refused(Cases& all) {
  const std::string s = "RFC 9112 4";
  all.insert(all.end(), {
    {"leading CRLF", s, "\r\nHTTP/1.1 200 OK\r\n\r\n", 502, "bad_status_line"},
    {"HTTP/0.9 body", s, "<html></html>", 502, "bad_status_line"},
    {"other protocol", s, "ICY 200 OK\r\n\r\n", 502, "bad_status_line"},
    {"HTTP/2.0", s, "HTTP/2.0 200 OK\r\n\r\n", 502, "version_not_supported"},
    {"HTTP/1.2", s, "HTTP/1.2 200 OK\r\n\r\n", 502, "version_not_supported"},
    {"HTTP/0.9", s, "HTTP/0.9 200 OK\r\n\r\n", 502, "version_not_supported"},
    {"lower-case version", s, "http/1.1 200 OK\r\n\r\n", 502, "bad_status_line"},
    {"version without minor", s, "HTTP/1 200 OK\r\n\r\n", 502, "bad_status_line"},
    {"two spaces before status", s, "HTTP/1.1  200 OK\r\n\r\n", 502, "bad_status_line"},
    {"tab before status", s, "HTTP/1.1\t200 OK\r\n\r\n", 502, "bad_status_line"},
    {"tab behind status", s, "HTTP/1.1 200\tOK\r\n\r\n", 502, "bad_status_line"},
    {"status of two digits", s, "HTTP/1.1 20 OK\r\n\r\n", 502, "bad_status_line"},
    {"status of four digits", s, "HTTP/1.1 2000 OK\r\n\r\n", 502, "bad_status_line"},
    {"status 099", "RFC 9110 15", "HTTP/1.1 099 OK\r\n\r\n", 502, "bad_status_line"},
    {"signed status", s, "HTTP/1.1 +20 OK\r\n\r\n", 502, "bad_status_line"},
    {"status of words", s, "HTTP/1.1 abc OK\r\n\r\n", 502, "bad_status_line"},
    {"HTTP/2 settings frame", s, "\0\0\x12\x04\0\0\0\0\0"s, 502, "bad_status_line"},
    {"bare LF behind status line", "RFC 9112 2.2", "HTTP/1.1 200 OK\n\r\n", 502, "bad_status_line"},
    {"bare CR in reason", "RFC 9112 2.2", "HTTP/1.1 200 O\rK\r\n\r\n", 502, "bare_cr"},
    {"NUL in reason", s, "HTTP/1.1 200 O\0K\r\n\r\n"s, 502, "bad_status_line"},
    {"obs-fold", "RFC 9112 5.2", with("X-A: b\r\n c\r\n"), 502, "obs_fold"},
    {"space before colon", "RFC 9112 5.1", with("X-A : b\r\n"), 502, "space_in_field_name"},
    {"bare LF", "RFC 9112 2.2", with("X-A: b\n"), 502, "bare_lf"},
    {"bare CR in value", "RFC 9112 2.2", with("X-A: b\rc\r\n"), 502, "bare_cr"},
    {"NUL in value", "RFC 9110 5.5", with("X-A: b\0c\r\n"s), 502, "bad_field_value"},
    {"line without colon", "RFC 9112 5.1", with("garbage\r\n"), 502, "field_without_colon"},
    {"length and coding", "RFC 9112 6.3", with("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"), 502, "length_and_coding"},
    {"two equal lengths", "RFC 9112 6.3", with("Content-Length: 1\r\nContent-Length: 1\r\n"), 502, "repeated_length"},
    {"two different lengths", "RFC 9112 6.3", with("Content-Length: 1\r\nContent-Length: 2\r\n"), 502, "repeated_length"},
    {"list of lengths", "RFC 9112 6.3", with("Content-Length: 1, 1\r\n"), 502, "bad_length"},
    {"negative length", "RFC 9112 6.3", with("Content-Length: -1\r\n"), 502, "bad_length"},
    {"overflowing length", "RFC 9112 6.3", with("Content-Length: 18446744073709551617\r\n"), 502, "bad_length"},
    {"coding gzip, chunked", "RFC 9112 6.1", with("Transfer-Encoding: gzip, chunked\r\n"), 502, "transfer_coding_not_supported"},
    {"coding identity", "RFC 9112 6.1", with("Transfer-Encoding: identity\r\n"), 502, "transfer_coding_not_supported"},
    {"two codings", "RFC 9112 6.1", with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 502, "repeated_transfer_encoding"},
    {"coding in HTTP/1.0", "RFC 9112 6.1", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 502, "coding_in_http10"},
    {"interim with length", "RFC 9110 8.6", "HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\n", 502, "content_not_allowed"},
    {"interim with coding", "RFC 9112 6.1", "HTTP/1.1 103 Early Hints\r\nTransfer-Encoding: chunked\r\n\r\n", 502, "content_not_allowed"},
    {"guarded spelling", "architecture 9, rule 5", with("Content_Length: 1\r\n"), 502, "guarded_field_spelling"},
    {"reason of 20 KiB", "architecture 8", "HTTP/1.1 200 " + std::string(20480, 'a') + "\r\n\r\n", 502, "status_line_too_long"},
    {"field of 20 KiB", "architecture 8", with("X-A: " + std::string(20480, 'a') + "\r\n"), 502, "field_too_large"},
  });
}

// clang-format on

}  // namespace

std::vector<H1Case> response_cases() {
  Cases all;
  add_accepted(all);
  add_refused(all);
  return all;
}

}  // namespace outrigger::http
