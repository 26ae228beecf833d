#include "tests/unit/http/h1_cases.h"

namespace outrigger::http {
namespace {

using namespace std::string_literals;
using Cases = std::vector<H1Case>;

// A request with that first line and a Host.
std::string first(const std::string& line) {
  return line + "\r\nHost: a.test\r\n\r\n";
}
// A POST to a.test with these field lines in addition.
std::string with(const std::string& lines) {
  return "POST / HTTP/1.1\r\nHost: a.test\r\n" + lines + "\r\n";
}
// A GET whose Host field has that value.
std::string host(const std::string& value) {
  return "GET / HTTP/1.1\r\nHost: " + value + "\r\n\r\n";
}

// clang-format off: a row is a line
void add_accepted(Cases& all) {
  const std::string s = "RFC 9112 3";
  all.insert(all.end(), {
    {"minimal", s, first("GET / HTTP/1.1")},
    {"path and query", s, first("GET /v1/chat?a=b&c=%20d HTTP/1.1")},
    {"query with brackets", s, first("GET /?a[]=1 HTTP/1.1")},
    {"sub-delims in path", "RFC 3986 3.3", first("GET /a;b=c/@x:y!$&'()*+,;= HTTP/1.1")},
    {"percent in path", "architecture 9, rule 7", first("GET /%2f%2e%00%zz HTTP/1.1")},
    {"double slash", "architecture 9, rule 7", first("GET //a//b HTTP/1.1")},
    {"tilde, underscore", s, first("GET /~a_b HTTP/1.1")},
    {"unknown method", "RFC 9110 9.1", first("PURGE / HTTP/1.1")},
    {"lower-case method is another method", "RFC 9110 9.1", first("get / HTTP/1.1")},
    {"method of all token characters", "RFC 9110 5.6.2", first("A!#$%&'*+-.^_`|~9 / HTTP/1.1")},
    {"method of 32 characters", "architecture 9, rule 1", first(std::string(32, 'M') + " / HTTP/1.1")},
    {"asterisk", "RFC 9112 3.2.4", first("OPTIONS * HTTP/1.1")},
    {"authority form", "RFC 9112 3.2.3", "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n"},
    {"CONNECT, Host without port", "RFC 9112 3.2.3", "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test\r\n\r\n"},
    {"CONNECT to IPv6", "RFC 3986 3.2.2", "CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\n\r\n"},
    {"CONNECT in HTTP/1.0", "RFC 9112 3.2", "CONNECT a.test:443 HTTP/1.0\r\n\r\n"},
    {"CONNECT with length 0", "RFC 9110 9.3.6", "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\nContent-Length: 0\r\n\r\n"},
    {"absolute form", "RFC 9112 3.2.2", first("GET http://a.test/x HTTP/1.1")},
    {"absolute form, https", "RFC 9112 3.2.2", first("GET https://a.test/x HTTP/1.1")},
    {"absolute form, upper-case scheme", "RFC 3986 3.1", first("GET HTTP://a.test/ HTTP/1.1")},
    {"absolute form, other case of host", "RFC 3986 3.2.2", first("GET http://A.Test/ HTTP/1.1")},
    {"absolute form, default port", "RFC 9110 4.2.3", first("GET http://a.test:80/ HTTP/1.1")},
    {"absolute form, default TLS port", "RFC 9110 4.2.3", first("GET https://a.test:443/ HTTP/1.1")},
    {"absolute form, no path", "RFC 9110 4.2.3", first("GET http://a.test HTTP/1.1")},
    {"absolute form, only a query", "RFC 9110 4.2.3", first("GET http://a.test?q=1 HTTP/1.1")},
    {"absolute form, OPTIONS without path", "RFC 9112 3.2.4", first("OPTIONS http://a.test HTTP/1.1")},
    {"absolute form, URL in query", s, first("GET http://a.test/?u=http://b@c/ HTTP/1.1")},
    {"HTTP/1.0 without Host", "RFC 9112 3.2", "GET / HTTP/1.0\r\n\r\n"},
    {"HTTP/1.0 with Host", "RFC 9112 3.2", "GET / HTTP/1.0\r\nHost: a.test\r\n\r\n"},
    {"HTTP/1.0 with length", "RFC 9112 6.2", "POST / HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc"},
    {"one empty line in front", "RFC 9112 2.2", "\r\n" + first("GET / HTTP/1.1")},
    {"body follows", s, with("Content-Length: 5\r\n") + "hello"},
    {"another request follows", "RFC 9112 9.3.2", first("GET / HTTP/1.1") + first("GET /2 HTTP/1.1")},
  });
}

void add_accepted_fields(Cases& all) {
  const std::string s = "RFC 9110 5.5";
  all.insert(all.end(), {
    {"empty value", s, with("X-A:\r\n")},
    {"empty cookie", "llm 5", with("cookie: \r\n")},
    {"value of blanks", s, with("X-A: \t  \r\n")},
    {"no space behind colon", s, with("X-A:b\r\n")},
    {"blanks around value", s, with("X-A: \t b c \t\r\n")},
    {"tab within value", s, with("X-A: b\tc\r\n")},
    {"obs-text", "architecture 8", with("X-A: caf\xC3\xA9 \x80\xFF\r\n")},
    {"colon in value", s, with("X-A: b:c\r\n")},
    {"long value", s, with("X-A: " + std::string(9000, 'v') + "\r\n")},
    {"one-letter name", "RFC 9110 5.1", with("X: b\r\n")},
    {"all token characters in name", "RFC 9110 5.6.2", with("!#$%&'*+-.^`|~09Az: b\r\n")},
    {"repeated other field", "RFC 9110 5.3", with("X-A: 1\r\nX-A: 2\r\n")},
    {"repeated cookie", "RFC 9113 8.2.3", with("Cookie: a=1\r\nCookie: b=2\r\n")},
    {"underscore in another name", "architecture 8", with("X_A: b\r\n")},
    {"length 0", "RFC 9112 6.2", with("Content-Length: 0\r\n")},
    {"length with leading zero", "RFC 9110 8.6", with("Content-Length: 005\r\n")},
    {"length of 18 digits", "architecture 9, rule 2", with("Content-Length: 999999999999999999\r\n")},
    {"length in other case", "RFC 9110 5.1", with("CONTENT-LENGTH: 5\r\n")},
    {"length with blanks around", s, with("Content-Length: \t5 \r\n")},
    {"chunked", "RFC 9112 7.1", with("Transfer-Encoding: chunked\r\n")},
    {"chunked in other case", "RFC 9112 7", with("transfer-encoding: CHUNKED\r\n")},
    {"chunked with blanks around", s, with("Transfer-Encoding:  chunked\t\r\n")},
    {"GET with a body", "RFC 9110 9.3.1", "GET / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1\r\n\r\nx"},
    {"expects 100-continue", "RFC 9110 10.1.1", with("Expect: 100-Continue\r\nContent-Length: 1\r\n")},
    {"Connection: close", "RFC 9112 9.6", with("Connection: close\r\n")},
    {"Connection with an own field", "RFC 9110 7.6.1", with("Connection: X-A, close\r\nX-A: 1\r\n")},
    {"Connection with empty elements", "RFC 9110 5.6.1.2", with("Connection: , close,,\r\n")},
    {"empty Connection", "RFC 9110 5.6.1.2", with("Connection:\r\n")},
    {"two Connection fields", "RFC 9110 5.3", with("Connection: close\r\nConnection: X-A\r\n")},
    {"websocket", "RFC 6455 4.1", with("Connection: Upgrade\r\nUpgrade: websocket\r\n")},
    {"h2c upgrade, which is ignored", "architecture 8", with("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n")},
    {"TRACE without content", "RFC 9110 9.3.8", first("TRACE / HTTP/1.1")},
    {"100 fields", "architecture 8", "GET / HTTP/1.1\r\nHost: a.test\r\n" + [] {
       std::string lines;
       for (int i = 0; i < 99; ++i) lines += "X-" + std::to_string(i) + ": v\r\n";
       return lines;
     }() + "\r\n"},
    {"IPv4 host", "RFC 3986 3.2.2", host("127.0.0.1:8080")},
    {"IPv6 host", "RFC 3986 3.2.2", host("[::1]:8080")},
    {"IPv6 host with IPv4 tail", "RFC 3986 3.2.2", host("[::ffff:1.2.3.4]")},
    {"host with underscore", "RFC 3986 3.2.2", host("my_service.local")},
    {"host with trailing dot", "RFC 3986 3.2.2", host("a.test.")},
    {"highest port", "RFC 3986 3.2.3", host("a.test:65535")},
  });
}

void add_line_ends(Cases& all) {
  const std::string s = "RFC 9112 2.2";
  all.insert(all.end(), {
    {"bare LF behind request line", s, "GET / HTTP/1.1\nHost: a.test\r\n\r\n", 400, "bad_request_line"},
    {"bare LF behind field", s, "GET / HTTP/1.1\r\nHost: a.test\n\r\n", 400, "bare_lf"},
    {"bare LF behind empty value", s, with("X-A:\n"), 400, "bare_lf"},
    {"bare LF as blank line", s, "GET / HTTP/1.1\r\nHost: a.test\r\n\n", 400, "bare_lf"},
    {"bare LF within name", s, with("X-\nA: b\r\n"), 400, "bare_lf"},
    {"bare LF within value", s, with("X-A: b\nX-B: c\r\n"), 400, "bare_lf"},
    {"all line ends bare LF", s, "GET / HTTP/1.1\nHost: a.test\n\n", 400, "bad_request_line"},
    {"bare CR behind request line", s, "GET / HTTP/1.1\rHost: a.test\r\n\r\n", 400, "bad_request_line"},
    {"bare CR within value", s, with("X-A: b\rc\r\n"), 400, "bare_cr"},
    {"bare CR at value's start", s, with("X-A: \rb\r\n"), 400, "bare_cr"},
    {"CR CR LF behind value", s, with("X-A: b\r\r\n"), 400, "bare_cr"},
    {"CR CR LF as blank line", s, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\r\n", 400, "bare_cr"},
    {"blank line CR alone", s, "GET / HTTP/1.1\r\nHost: a.test\r\n\rX", 400, "bare_cr"},
    {"CR within name", s, with("X-\rA: b\r\n"), 400, "field_without_colon"},
    {"two empty lines in front", "architecture 8", "\r\n\r\n" + first("GET / HTTP/1.1"), 400, "bad_method"},
    {"LF in front", s, "\n" + first("GET / HTTP/1.1"), 400, "bad_method"},
    {"CR in front", s, "\r" + first("GET / HTTP/1.1"), 400, "bare_cr"},
    {"space in front", s, " " + first("GET / HTTP/1.1"), 400, "bad_method"},
  });
}

void add_request_lines(Cases& all) {
  const std::string s = "RFC 9112 3";
  all.insert(all.end(), {
    {"two spaces before target", s, first("GET  / HTTP/1.1"), 400, "bad_target"},
    {"two spaces before version", s, first("GET /  HTTP/1.1"), 400, "bad_request_line"},
    {"space behind version", s, first("GET / HTTP/1.1 "), 400, "bad_request_line"},
    {"tab before target", s, first("GET\t/ HTTP/1.1"), 400, "bad_method"},
    {"tab before version", s, first("GET /\tHTTP/1.1"), 400, "bad_target"},
    {"VT before target", s, first("GET\v/ HTTP/1.1"), 400, "bad_method"},
    {"no method", s, first("/ HTTP/1.1"), 400, "bad_method"},
    {"method with colon", "RFC 9110 9.1", first("GE:T / HTTP/1.1"), 400, "bad_method"},
    {"method with NUL", "RFC 9110 9.1", first("G\0T / HTTP/1.1"s), 400, "bad_method"},
    {"method with parenthesis", "RFC 9110 5.6.2", first("GET() / HTTP/1.1"), 400, "bad_method"},
    {"method with obs-text", "RFC 9110 5.6.2", first("G\xC3\xA9T / HTTP/1.1"), 400, "bad_method"},
    {"method of 33 characters", "RFC 9112 3", first(std::string(33, 'M') + " / HTTP/1.1"), 501, "method_too_long"},
    {"TLS hello", s, "\x16\x03\x01\x02\0\x01\0\x01\xFC\x03\x03"s, 400, "bad_method"},
    {"no target", s, first("GET HTTP/1.1"), 400, "version_missing"},
    {"only a method", s, "GET\r\n\r\n", 400, "bad_method"},
    {"HTTP/0.9", "architecture 8", "GET /\r\n\r\n", 400, "version_missing"},
    {"HTTP/0.9 with LF", "architecture 8", "GET /\n", 400, "version_missing"},
    {"version 1.2", "RFC 9110 15.6.6", first("GET / HTTP/1.2"), 505, "version_not_supported"},
    {"version 2.0", "RFC 9110 15.6.6", first("GET / HTTP/2.0"), 505, "version_not_supported"},
    {"version 0.9", "RFC 9110 15.6.6", first("GET / HTTP/0.9"), 505, "version_not_supported"},
    {"version 3.0", "RFC 9110 15.6.6", first("GET / HTTP/3.0"), 505, "version_not_supported"},
    {"version 9.9", "RFC 9110 15.6.6", first("GET / HTTP/9.9"), 505, "version_not_supported"},
    {"version 1.10", "RFC 9112 2.3", first("GET / HTTP/1.10"), 400, "bad_request_line"},
    {"version 01.1", "RFC 9112 2.3", first("GET / HTTP/01.1"), 400, "bad_request_line"},
    {"version 1", "RFC 9112 2.3", first("GET / HTTP/1"), 400, "bad_request_line"},
    {"version 1.", "RFC 9112 2.3", first("GET / HTTP/1."), 400, "bad_request_line"},
    {"version 1,1", "RFC 9112 2.3", first("GET / HTTP/1,1"), 400, "bad_request_line"},
    {"version with minus", "RFC 9112 2.3", first("GET / HTTP/-1.1"), 400, "bad_request_line"},
    {"lower-case version", "RFC 9112 2.3", first("GET / http/1.1"), 400, "bad_request_line"},
    {"mixed-case version", "RFC 9112 2.3", first("GET / Http/1.1"), 400, "bad_request_line"},
    {"other protocol", "RFC 9112 2.3", first("GET / ICE/1.0"), 400, "bad_request_line"},
    {"version without slash", "RFC 9112 2.3", first("GET / HTTP1.1"), 400, "bad_request_line"},
    {"text behind version", "RFC 9112 2.3", first("GET / HTTP/1.1x"), 400, "bad_request_line"},
    {"HTTP/2 preface", "RFC 9113 3.4", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "bad_target"},
  });
}

void add_targets(Cases& all) {
  const std::string s = "RFC 9112 3.2";
  const std::string rule = "architecture 9, rule 1";
  for (const char byte : "\"<>\\^`{|}#"s) {
    all.push_back({"target with "s + byte, rule, first("GET /a"s + byte + "b HTTP/1.1"), 400, "bad_target"});
  }
  all.insert(all.end(), {
    {"target with 0x80", "architecture 8", first("GET /\x80 HTTP/1.1"), 400, "bad_target"},
    {"target with 0xff", "architecture 8", first("GET /\xFF HTTP/1.1"), 400, "bad_target"},
    {"target with NUL", rule, first("GET /\0 HTTP/1.1"s), 400, "bad_target"},
    {"target with DEL", rule, first("GET /\x7F HTTP/1.1"), 400, "bad_target"},
    {"target with space", rule, first("GET /a b HTTP/1.1"), 400, "bad_request_line"},
    {"target with CR", rule, first("GET /\rb HTTP/1.1"), 400, "version_missing"},
    {"relative target", s, first("GET a HTTP/1.1"), 400, "bad_target"},
    {"only a query", s, first("GET ?a HTTP/1.1"), 400, "bad_target"},
    {"asterisk of GET", "RFC 9112 3.2.4", first("GET * HTTP/1.1"), 400, "bad_target"},
    {"asterisk and more", "RFC 9112 3.2.4", first("OPTIONS ** HTTP/1.1"), 400, "bad_target"},
    {"asterisk of lower-case options", "RFC 9110 9.1", first("options * HTTP/1.1"), 400, "bad_target"},
    {"authority form of GET", "RFC 9112 3.2.3", first("GET a.test:80 HTTP/1.1"), 400, "bad_target"},
    {"origin form of CONNECT", "RFC 9112 3.2.3", first("CONNECT / HTTP/1.1"), 400, "bad_target"},
    {"absolute form of CONNECT", "RFC 9112 3.2.3", first("CONNECT http://a.test/ HTTP/1.1"), 400, "bad_target"},
    {"CONNECT without port", "RFC 9110 9.3.6", first("CONNECT a.test HTTP/1.1"), 400, "bad_target"},
    {"CONNECT with empty port", "RFC 9110 9.3.6", first("CONNECT a.test: HTTP/1.1"), 400, "bad_target"},
    {"CONNECT with port 0", "RFC 9110 9.3.6", first("CONNECT a.test:0 HTTP/1.1"), 400, "bad_target"},
    {"CONNECT with port 65536", "RFC 9110 9.3.6", first("CONNECT a.test:65536 HTTP/1.1"), 400, "bad_target"},
    {"CONNECT with user", "RFC 9110 4.2.4", first("CONNECT u@a.test:443 HTTP/1.1"), 400, "bad_target"},
    {"CONNECT with path", "RFC 9112 3.2.3", first("CONNECT a.test:443/ HTTP/1.1"), 400, "bad_target"},
    {"CONNECT without host", "RFC 9110 9.3.6", first("CONNECT :443 HTTP/1.1"), 400, "bad_target"},
    {"absolute form with user", "RFC 9110 4.2.4", first("GET http://u@a.test/ HTTP/1.1"), 400, "bad_target"},
    {"absolute form with user and password", "RFC 9110 4.2.4", first("GET http://u:p@a.test/ HTTP/1.1"), 400, "bad_target"},
    {"absolute form without host", "RFC 9110 4.2.1", first("GET http:///x HTTP/1.1"), 400, "bad_target"},
    {"absolute form with port only", "RFC 9110 4.2.1", first("GET http://:80/ HTTP/1.1"), 400, "bad_target"},
    {"absolute form, empty port", "RFC 9110 4.2.1", first("GET http://a.test:/ HTTP/1.1"), 400, "bad_target"},
    {"absolute form, bad port", "RFC 9110 4.2.1", first("GET http://a.test:8x/ HTTP/1.1"), 400, "bad_target"},
    {"absolute form, signed port", "RFC 9110 4.2.1", first("GET http://a.test:+80/ HTTP/1.1"), 400, "bad_target"},
    {"absolute form, port of 6 digits", "RFC 9110 4.2.1", first("GET http://a.test:000080/ HTTP/1.1"), 400, "bad_target"},
    {"only a scheme", "RFC 9112 3.2.2", first("GET http HTTP/1.1"), 400, "bad_target"},
    {"only a scheme and colon", "RFC 9112 3.2.2", first("GET https: HTTP/1.1"), 400, "bad_target"},
    {"only a scheme and slashes", "RFC 9112 3.2.2", first("GET https:// HTTP/1.1"), 400, "bad_target"},
    {"absolute form, one slash", "RFC 9110 4.2.1", first("GET http:/a.test/ HTTP/1.1"), 400, "bad_target"},
    {"absolute form, ftp", "RFC 9112 3.2.2", first("GET ftp://a.test/ HTTP/1.1"), 400, "bad_target"},
    {"absolute form, file", "RFC 9112 3.2.2", first("GET file:///etc/passwd HTTP/1.1"), 400, "bad_target"},
    {"absolute form, javascript", "RFC 9112 3.2.2", first("GET javascript:alert(1) HTTP/1.1"), 400, "bad_target"},
    {"absolute form, encoded host", "architecture 13", first("GET http://%61.test/ HTTP/1.1"), 400, "bad_target"},
    {"absolute form, zone id", "architecture 13", first("GET http://[fe80::1%25eth0]/ HTTP/1.1"), 400, "bad_target"},
    {"absolute form differs from Host", "architecture 9, rule 5", first("GET http://b.test/ HTTP/1.1"), 400, "host_mismatch"},
    {"absolute form, other port than Host", "architecture 9, rule 5", first("GET http://a.test:81/ HTTP/1.1"), 400, "host_mismatch"},
    {"https, port 80 in Host", "RFC 9110 4.2.3", "GET https://a.test/ HTTP/1.1\r\nHost: a.test:80\r\n\r\n", 400, "host_mismatch"},
    {"absolute form without Host", "RFC 9112 3.2", "GET http://a.test/ HTTP/1.1\r\n\r\n", 400, "host_missing"},
    {"CONNECT, other Host", "architecture 9, rule 5", first("CONNECT b.test:443 HTTP/1.1"), 400, "host_mismatch"},
    {"CONNECT, other port in Host", "architecture 9, rule 5", "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:80\r\n\r\n", 400, "host_mismatch"},
  });
}

void add_hosts(Cases& all) {
  const std::string s = "RFC 9112 3.2";
  all.insert(all.end(), {
    {"no Host", s, "GET / HTTP/1.1\r\n\r\n", 400, "host_missing"},
    {"no Host, other fields", s, "GET / HTTP/1.1\r\nX-Host: a.test\r\n\r\n", 400, "host_missing"},
    {"two equal Hosts", s, with("Host: a.test\r\n"), 400, "host_repeated"},
    {"two different Hosts", s, with("host: b.test\r\n"), 400, "host_repeated"},
    {"two Hosts in HTTP/1.0", s, "GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", 400, "host_repeated"},
    {"empty Host", "architecture 9, rule 5", host(""), 400, "bad_host"},
    {"Host list", s, host("a.test, b.test"), 400, "bad_host"},
    {"Host with path", s, host("a.test/x"), 400, "bad_host"},
    {"Host with path, space and user", "architecture 8", host("a.test/evil @b"), 400, "bad_host"},
    {"Host with user", s, host("u@a.test"), 400, "bad_host"},
    {"Host with scheme", s, host("http://a.test"), 400, "bad_host"},
    {"Host with query", s, host("a.test?x"), 400, "bad_host"},
    {"Host with fragment", s, host("a.test#x"), 400, "bad_host"},
    {"Host with percent-encoding", s, host("a%2etest"), 400, "bad_host"},
    {"Host with backslash", s, host("a.test\\b"), 400, "bad_host"},
    {"Host with obs-text", s, host("caf\xC3\xA9.test"), 400, "bad_host"},
    {"Host with inner space", s, host("a b"), 400, "bad_host"},
    {"Host with tab", s, host("a\tb"), 400, "bad_host"},
    {"Host with empty port", s, host("a.test:"), 400, "bad_host"},
    {"Host with port 0", s, host("a.test:0"), 400, "bad_host"},
    {"Host with port 99999", s, host("a.test:99999"), 400, "bad_host"},
    {"Host with port words", s, host("a.test:http"), 400, "bad_host"},
    {"Host with two ports", s, host("a.test:80:81"), 400, "bad_host"},
    {"Host port with leading zero", s, host("a.test:080"), 400, "bad_host"},
    {"Host only a port", s, host(":80"), 400, "bad_host"},
    {"Host of unbracketed IPv6", s, host("::1"), 400, "bad_host"},
    {"Host of unclosed bracket", s, host("[::1"), 400, "bad_host"},
    {"Host of empty brackets", s, host("[]"), 400, "bad_host"},
    {"Host of bad IPv6", s, host("[1::2::3]"), 400, "bad_host"},
    {"Host of IPvFuture", s, host("[v1.a]"), 400, "bad_host"},
    {"Host with text behind bracket", s, host("[::1]x"), 400, "bad_host"},
    {"Host of bracketed name", s, host("[a.test]"), 400, "bad_host"},
  });
}

void add_fields(Cases& all) {
  const std::string s = "RFC 9112 5.1";
  all.insert(all.end(), {
    {"space before colon", s, with("X-A : b\r\n"), 400, "space_in_field_name"},
    {"tab before colon", s, with("X-A\t: b\r\n"), 400, "space_in_field_name"},
    {"space before colon of length", s, with("Content-Length : 5\r\n"), 400, "space_in_field_name"},
    {"space before colon of coding", s, with("Transfer-Encoding : chunked\r\n"), 400, "space_in_field_name"},
    {"space in name", s, with("X A: b\r\n"), 400, "space_in_field_name"},
    {"obs-fold with space", "RFC 9112 5.2", with("X-A: b\r\n c\r\n"), 400, "obs_fold"},
    {"obs-fold with tab", "RFC 9112 5.2", with("X-A: b\r\n\tc\r\n"), 400, "obs_fold"},
    {"obs-fold in coding", "RFC 9112 5.2", with("Transfer-Encoding:\r\n chunked\r\n"), 400, "obs_fold"},
    {"obs-fold in length", "RFC 9112 5.2", with("Content-Length: 5\r\n \r\n"), 400, "obs_fold"},
    {"first field line begins with space", "RFC 9112 2.2", "GET / HTTP/1.1\r\n Host: a.test\r\n\r\n", 400, "obs_fold"},
    {"first field line begins with tab", "RFC 9112 2.2", "GET / HTTP/1.1\r\n\tHost: a.test\r\n\r\n", 400, "obs_fold"},
    {"blank line of a space", "RFC 9112 2.2", with(" \r\n"), 400, "obs_fold"},
    {"empty name", s, with(": b\r\n"), 400, "empty_field_name"},
    {"line without colon", s, with("garbage\r\n"), 400, "field_without_colon"},
    {"line without colon at the end", s, with("X-A: b\r\ngarbage\r\n"), 400, "field_without_colon"},
    {"NUL in name", "RFC 9110 5.1", with("X\0A: b\r\n"s), 400, "bad_field_name"},
    {"obs-text in name", "RFC 9110 5.1", with("X-\xC3\xA9: b\r\n"), 400, "bad_field_name"},
    {"DEL in name", "RFC 9110 5.1", with("X-\x7F: b\r\n"), 400, "bad_field_name"},
    {"vertical tab before coding", "architecture 8", with("Transfer-Encoding:\vchunked\r\n"), 400, "bad_field_value"},
    {"vertical tab in front of coding's name", "architecture 8", with("\vTransfer-Encoding: chunked\r\n"), 400, "bad_field_name"},
  });
  for (const char byte : "\"(),/;<=>?@[\\]{}"s) {
    all.push_back({"name with "s + byte, "RFC 9110 5.6.2", with("X"s + byte + "A: b\r\n"), 400, "bad_field_name"});
  }
  for (int byte = 0; byte < 0x80; ++byte) {
    if ((byte >= 0x20 && byte != 0x7f) || byte == '\t' || byte == '\r' || byte == '\n') continue;
    all.push_back({"control character " + std::to_string(byte) + " in value", "RFC 9110 5.5",
                   with("X-A: b"s + static_cast<char>(byte) + "c\r\n"), 400, "bad_field_value"});
  }
}

void add_guarded(Cases& all) {
  const std::string s = "architecture 9, rule 5";
  for (const std::string name : {"Content_Length", "CONTENT_LENGTH", "content_length", "Transfer_Encoding",
                                 "transfer_Encoding", "X_Api_Key", "x-api_key", "Idempotency_Key",
                                 "Outrigger_Execution", "outrigger_step", "Outrigger-Dead_line"}) {
    all.push_back({"guarded name spelt " + name, s, with(name + ": 1\r\n"), 400, "guarded_field_spelling"});
  }
  for (const std::string name : {"Host", "content-length", "Transfer-Encoding", "AUTHORIZATION", "cookie",
                                 "Idempotency-Key", "x-api-key", "Outrigger-Step", "content_length"}) {
    all.push_back({"Connection names " + name, s, with("Connection: close, " + name + "\r\n"), 400, "bad_connection"});
  }
  const std::string rule6 = "architecture 9, rule 6";
  for (const std::string name : {"Authorization", "Proxy-Authorization", "X-Api-Key", "Idempotency-Key",
                                 "Content-Type"}) {
    all.push_back({"two fields " + name, rule6, with(name + ": a\r\n" + name + ": a\r\n"), 400, "repeated_field"});
  }
  all.insert(all.end(), {
    {"Connection with a non-token", "RFC 9110 7.6.1", with("Connection: a b\r\n"), 400, "bad_connection"},
    {"Connection with a quoted string", "RFC 9110 7.6.1", with("Connection: \"close\"\r\n"), 400, "bad_connection"},
    {"guarded name in the second Connection", s, with("Connection: close\r\nConnection: cookie\r\n"), 400, "bad_connection"},
  });
}

void add_lengths(Cases& all) {
  const std::string s = "RFC 9112 6.3";
  const auto length = [&](const std::string& value) { return with("Content-Length: " + value + "\r\n"); };
  for (const std::string value : {"", "+5", "-5", "-0", "0x5", "0_5", "5 5", "5,", ",5", "5, 5", "5,6", "5.0",
                                  "5e1", "1 000", "five", "\"5\"", "5;", "\xB2", "1000000000000000000",
                                  "18446744073709551621", "9223372036854775808", "5\t6"}) {
    all.push_back({"length <" + value + ">", s, length(value), 400, "bad_length"});
  }
  all.insert(all.end(), {
    {"two equal lengths", s, with("Content-Length: 5\r\nContent-Length: 5\r\n"), 400, "repeated_length"},
    {"two different lengths", s, with("Content-Length: 5\r\nContent-Length: 6\r\n"), 400, "repeated_length"},
    {"two lengths, one empty", s, with("Content-Length: 5\r\nContent-Length:\r\n"), 400, "repeated_length"},
    {"bad length in HTTP/1.0", s, "POST / HTTP/1.0\r\nContent-Length: +5\r\n\r\n", 400, "bad_length"},
    {"length and coding", s, with("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), 400, "length_and_coding"},
    {"coding and length", s, with("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), 400, "length_and_coding"},
    {"coding and length 0", s, with("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n"), 400, "length_and_coding"},
    {"unknown coding and length", s, with("Transfer-Encoding: xchunked\r\nContent-Length: 5\r\n"), 400, "length_and_coding"},
    {"empty coding and length", s, with("Transfer-Encoding:\r\nContent-Length: 5\r\n"), 400, "length_and_coding"},
    {"content of CONNECT", "RFC 9110 9.3.6", "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\nContent-Length: 1\r\n\r\n", 400, "content_not_allowed"},
    {"chunked CONNECT", "RFC 9110 9.3.6", "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "content_not_allowed"},
    {"content of TRACE", "RFC 9110 9.3.8", "TRACE / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1\r\n\r\n", 400, "content_not_allowed"},
  });
}

void add_codings(Cases& all) {
  const std::string s = "RFC 9112 6.1";
  const auto coding = [&](const std::string& value) { return with("Transfer-Encoding: " + value + "\r\n"); };
  for (const std::string value : {"identity", "gzip", "xchunked", "chunkedx", "gzip, chunked", "deflate,gzip,chunked",
                                  "cow", "chunke", "x-chunked"}) {
    all.push_back({"coding <" + value + ">", s, coding(value), 501, "transfer_coding_not_supported"});
  }
  for (const std::string value : {"", "chunked, identity", "chunked, gzip", "chunked, chunked", "chunked,", ",chunked",
                                  "\"chunked\"", "chunked;q=1", "chunked; a=b", "chunked foo", "chunked\t,", "'chunked",
                                  "chun ked", "[chunked]", "\x80" "chunked"}) {
    // 'chunked is a token, if a strange one.
    const bool token = value == "'chunked";
    all.push_back({"coding <" + value + ">", s, coding(value), token ? 501 : 400,
                   token ? "transfer_coding_not_supported" : "bad_transfer_encoding"});
  }
  all.insert(all.end(), {
    {"two codings chunked", s, with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 400, "repeated_transfer_encoding"},
    {"codings on two lines", s, with("Transfer-Encoding: gzip\r\ntransfer-encoding: chunked\r\n"), 400, "repeated_transfer_encoding"},
    {"second coding identity", s, with("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"), 400, "repeated_transfer_encoding"},
    {"coding in HTTP/1.0", s, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "coding_in_http10"},
    {"coding identity in HTTP/1.0", s, "POST / HTTP/1.0\r\nTransfer-Encoding: identity\r\n\r\n", 400, "coding_in_http10"},
    {"unknown expectation", "RFC 9110 10.1.1", with("Expect: 200-ok\r\n"), 417, "unknown_expectation"},
    {"empty expectation", "RFC 9110 10.1.1", with("Expect:\r\n"), 417, "unknown_expectation"},
    {"expectation list", "RFC 9110 10.1.1", with("Expect: 100-continue, x\r\n"), 417, "unknown_expectation"},
    {"second expectation unknown", "RFC 9110 10.1.1", with("Expect: 100-continue\r\nExpect: x\r\n"), 417, "unknown_expectation"},
  });
}

void add_limits(Cases& all) {
  const std::string s = "architecture 8";
  std::string many;
  for (int i = 0; i < 150; ++i) many += "X-" + std::to_string(i) + ": v\r\n";
  std::string large;
  for (int i = 0; i < 9; ++i) large += "X-" + std::to_string(i) + ": " + std::string(8000, 'v') + "\r\n";
  all.insert(all.end(), {
    {"150 fields", s, with(many), 431, "too_many_fields"},
    {"field of 40 KiB", s, with("X-A: " + std::string(40960, 'v') + "\r\n"), 431, "field_too_large"},
    {"name of 20 KiB", s, with(std::string(20480, 'n') + ": v\r\n"), 431, "field_too_large"},
    {"field of 20 KiB of blanks", s, with("X-A:" + std::string(20480, ' ') + "\r\n"), 431, "field_too_large"},
    {"head of 72 KiB", s, with(large), 431, "head_too_large"},
    {"target of 20 KiB", "RFC 9110 15.5.15", first("GET /" + std::string(20480, 'a') + " HTTP/1.1"), 414, "target_too_long"},
    {"endless target", "RFC 9110 15.5.15", "GET /" + std::string(70000, 'a'), 414, "target_too_long"},
  });
}

// clang-format on

}  // namespace

std::vector<H1Case> request_cases() {
  Cases all;
  for (const auto add :
       {add_accepted, add_accepted_fields, add_line_ends, add_request_lines, add_targets, add_hosts,
        add_fields, add_guarded, add_lengths, add_codings, add_limits}) {
    add(all);
  }
  return all;
}

}  // namespace outrigger::http
