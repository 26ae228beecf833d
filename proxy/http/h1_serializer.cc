#include "proxy/http/h1_serializer.h"

#include <cstring>
#include <string>

#include "proxy/http/h1_grammar.h"
#include "proxy/http/hop_by_hop.h"
#include "proxy/http/status.h"

namespace outrigger::http {
namespace {

using Kind = BodyFraming::Kind;

// Writes one head; whatever would break the grammar makes it bad, and finish() undoes it all.
class HeadWriter {
 public:
  explicit HeadWriter(Buffer& out) noexcept : out_(out), begin_(out.size()) {
    out.reserve(begin_ + 512);
  }

  void text(std::string_view part) { out_.append(part); }
  void require(bool valid) noexcept { bad_ = bad_ || !valid; }
  void checked(std::string_view part, bool valid) {
    require(valid);
    if (valid) out_.append(part);
  }
  // A field that hides its name behind a wrong id would escape the rules for that name.
  void field(const Field& field) {
    if (field.grammar == Grammar::kChecked) return copy(field.name, field.value);
    const HeaderId id = header_id(field.name);
    write(field.name, field.value,
          id == field.id && (id != HeaderId::kOther || is_token(field.name)));
  }
  void field(std::string_view name, std::string_view value) { write(name, value, is_token(name)); }
  void number_field(std::string_view name, std::uint64_t value) {
    out_.append(name);
    out_.append(": ");
    out_.append_number(value);
    out_.append(kCrlf);
  }
  [[nodiscard]] Status finish() {
    if (!bad_) {
      out_.append(kCrlf);
      return {};
    }
    out_.truncate(begin_);
    return fail(Errc::kInternal, Origin::kProxy, "unsafe_field",
                "a name, value or target would have broken the message; nothing was sent");
  }

 private:
  void write(std::string_view name, std::string_view value, bool valid_name) {
    require(valid_name && is_field_value(value));
    copy(name, value);
  }
  void copy(std::string_view name, std::string_view value) {
    char* at = out_.extend(name.size() + value.size() + 4);
    copy_short(at, name.data(), name.size());
    at += name.size();
    *at++ = ':';
    *at++ = ' ';
    copy_short(at, value.data(), value.size());
    std::memcpy(at + value.size(), kCrlf.data(), kCrlf.size());
  }

  Buffer& out_;
  std::size_t begin_;
  bool bad_ = false;
};

// Content-Length where the fields have it, or at their end. Wherever framing rules it out, not at
// all.
class LengthField {
 public:
  enum class WithoutBody { kKeep, kDrop };
  LengthField(const BodyFraming& framing, WithoutBody without_body) noexcept
      : framing_(framing), without_body_(without_body) {}

  void at_field(HeadWriter& writer, const Field& field) {
    if (written_) return;
    if (framing_.kind == Kind::kLength) {
      writer.number_field(field.name, framing_.length);
    } else if (framing_.kind == Kind::kNone && without_body_ == WithoutBody::kKeep) {
      writer.field(field);
    }
    written_ = true;
  }
  void at_end(HeadWriter& writer) const {
    if (framing_.kind == Kind::kLength && !written_) {
      writer.number_field("Content-Length", framing_.length);
    }
    if (framing_.kind == Kind::kChunked) writer.text("Transfer-Encoding: chunked\r\n");
  }

 private:
  const BodyFraming& framing_;
  WithoutBody without_body_;
  bool written_ = false;
};

// Fields of this connection only: generated here, never copied (architecture 9, rule 4).
bool is_generated(HeaderId id) noexcept {
  switch (id) {
    case HeaderId::kConnection:
    case HeaderId::kHttp2Settings:
    case HeaderId::kKeepAlive:
    case HeaderId::kProxyConnection:
    case HeaderId::kTransferEncoding:
    case HeaderId::kUpgrade:
      return true;
    default:
      return false;
  }
}

// Origin-form, or the form that the method asks for (RFC 9112 3.2).
bool fits_request_line(const RequestHead& head) noexcept {
  if (!is_target(head.target)) return false;
  return head.target.front() == '/' || head.target == "*" || head.method == Method::kConnect;
}

// One field of all Cookie fields (RFC 9113 8.2.3), named as `first` is; empty ones add nothing.
void write_cookies(HeadWriter& writer, const Headers& headers, const Field& first) {
  writer.checked(first.name, first.id == header_id(first.name));
  std::string_view separator = ": ";
  for (const Field& field : headers) {
    if (field.id != HeaderId::kCookie || field.value.empty()) continue;
    writer.text(separator);
    writer.checked(field.value, is_field_value(field.value));
    separator = "; ";
  }
  writer.text(separator == ": " ? ": \r\n" : "\r\n");
}

enum class Cookies { kKeep, kJoin };

void write_fields(HeadWriter& writer, const Headers& headers, LengthField& length, Kind framing,
                  Cookies cookies) {
  bool joined = false;
  for (const Field& field : headers) {
    if (is_generated(field.id)) continue;
    if (field.id == HeaderId::kContentLength) {
      length.at_field(writer, field);
    } else if (field.id == HeaderId::kTrailer && framing != Kind::kChunked) {
      continue;  // announces what this framing cannot carry
    } else if (field.id != HeaderId::kCookie || cookies == Cookies::kKeep) {
      writer.field(field);
    } else if (!joined) {
      write_cookies(writer, headers, field);
      joined = true;
    }
  }
  length.at_end(writer);
}

void write_connection(HeadWriter& writer, ConnectionOption connection, const RequestHead& head) {
  const bool te = head.headers.find(HeaderId::kTe) != nullptr;  // must be named (RFC 9110 10.1.4)
  switch (connection) {
    case ConnectionOption::kKeepAlive:
      if (te) writer.text("Connection: TE\r\n");
      return;
    case ConnectionOption::kClose:
      writer.text(te ? "Connection: close, TE\r\n" : "Connection: close\r\n");
      return;
    case ConnectionOption::kUpgrade:
      writer.text(te ? "Connection: Upgrade, TE\r\n" : "Connection: Upgrade\r\n");
      writer.require(!head.protocol.empty());
      writer.field("Upgrade", head.protocol);
      return;
  }
}

void write_connection(HeadWriter& writer, ConnectionOption connection, const ResponseHead& head,
                      Version client) {
  switch (connection) {
    case ConnectionOption::kKeepAlive:
      if (client == Version::kHttp10) writer.text("Connection: keep-alive\r\n");
      return;
    case ConnectionOption::kClose:
      writer.text("Connection: close\r\n");
      return;
    case ConnectionOption::kUpgrade:
      writer.text("Connection: Upgrade\r\n");
      for (const Field& field : head.headers) {
        if (field.id == HeaderId::kUpgrade) writer.field(field);
      }
      return;
  }
}

}  // namespace

Status write_request(Buffer& out, const RequestHead& head, const BodyFraming& framing,
                     ConnectionOption connection) {
  HeadWriter writer(out);
  writer.checked(head.method_text, is_token(head.method_text));
  writer.text(" ");
  writer.checked(head.target, fits_request_line(head));
  writer.text(" HTTP/1.1\r\n");
  const std::size_t hosts = head.headers.count(HeaderId::kHost);
  writer.require(hosts <= 1);
  if (hosts == 0) writer.field("Host", head.authority);
  LengthField length(framing, LengthField::WithoutBody::kDrop);
  // Only HTTP/2 splits the field into crumbs.
  const Cookies cookies = head.version == Version::kHttp2 ? Cookies::kJoin : Cookies::kKeep;
  write_fields(writer, head.headers, length, framing.kind, cookies);
  write_connection(writer, connection, head);
  return writer.finish();
}

Status write_response(Buffer& out, const ResponseHead& head, const BodyFraming& framing,
                      ConnectionOption connection, Version client) {
  HeadWriter writer(out);
  const bool three_digits = head.status >= 100 && head.status <= 999;
  const char digits[] = {static_cast<char>('0' + head.status / 100 % 10),
                         static_cast<char>('0' + head.status / 10 % 10),
                         static_cast<char>('0' + head.status % 10)};
  const std::string_view reason = head.reason.empty() ? reason_phrase(head.status) : head.reason;
  writer.text("HTTP/1.1 ");
  writer.checked({digits, sizeof digits}, three_digits);
  writer.text(" ");
  writer.checked(reason, is_field_value(reason));
  writer.text(kCrlf);
  const bool lengthless = head.status < 200 || head.status == 204;
  LengthField length(
      framing, lengthless ? LengthField::WithoutBody::kDrop : LengthField::WithoutBody::kKeep);
  write_fields(writer, head.headers, length, framing.kind, Cookies::kKeep);
  write_connection(writer, connection, head, client);
  return writer.finish();
}

void write_chunk_head(Buffer& out, std::size_t n) {
  out.append_hex(n);
  out.append(kCrlf);
}

Status write_last_chunk(Buffer& out, const Headers* trailers) {
  HeadWriter writer(out);
  writer.text("0\r\n");
  if (trailers != nullptr) {
    for (const Field& field : *trailers) {
      if (trailer_rule(field) == TrailerRule::kPass) writer.field(field);
    }
  }
  return writer.finish();
}

}  // namespace outrigger::http
