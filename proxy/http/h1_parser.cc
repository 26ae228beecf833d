#include "proxy/http/h1_parser.h"

#include <algorithm>

#include "proxy/http/h1_grammar.h"
#include "proxy/http/hop_by_hop.h"

namespace outrigger::http {
namespace {

constexpr std::size_t kMethodBytes = 32;
constexpr std::size_t kMostRemembered = 128;  // of a Host

// Security hangs on these: a second one is a second opinion (architecture 9, rule 6).
constexpr HeaderId kSingletons[] = {HeaderId::kAuthorization, HeaderId::kProxyAuthorization,
                                    HeaderId::kXApiKey, HeaderId::kIdempotencyKey,
                                    HeaderId::kContentType};

// Compares with a pattern in which 'd' stands for any digit; the index of the first byte that
// differs, or the number of bytes that are there.
std::size_t match_pattern(std::string_view bytes, std::string_view pattern) noexcept {
  const std::size_t size = std::min(bytes.size(), pattern.size());
  std::size_t i = 0;
  while (i < size &&
         (pattern[i] == 'd' ? in_class(bytes[i], CharClass::kDigit) : bytes[i] == pattern[i])) {
    ++i;
  }
  return i;
}

// "HTTP/1.1" at the front of `bytes`, whose form is already checked.
std::optional<Version> version_of(std::string_view bytes) noexcept {
  if (bytes.starts_with("HTTP/1.1")) return Version::kHttp11;
  if (bytes.starts_with("HTTP/1.0")) return Version::kHttp10;
  return std::nullopt;
}

// The target of a URL without a path (RFC 9110 4.2.3, RFC 9112 3.2.4).
std::string_view complete_target(RequestHead& request) {
  if (!request.target.empty()) return request.headers.intern("/", request.target);
  return request.method == Method::kOptions ? "*" : "/";
}

constexpr std::uint16_t default_port(std::string_view scheme) noexcept {
  return scheme.size() == 5 ? 443 : 80;  // https, http
}

constexpr Progress progress_of(LineStep step) noexcept {
  return step == LineStep::kRefused ? Progress::kRefused : Progress::kIncomplete;
}

}  // namespace

Progress RequestParser::parse(std::string_view bytes) {
  if (state_ == State::kDone) return Progress::kComplete;
  if (state_ == State::kRefused) return Progress::kRefused;
  if (state_ == State::kStart) {
    const Step step = skip_empty_line(bytes);
    if (step != Step::kLineEnded) return progress_of(step);
  }
  if (state_ != State::kFields) {
    const std::size_t bound = std::min(line_ + limits_.field_bytes, limits_.head_bytes);
    Step step = parse_request_line(bytes.substr(0, std::min(bytes.size(), bound)));
    if (step == Step::kStarved && bytes.size() > bound) {
      step = refuse({414, "target_too_long", "the request line exceeds its limit"});
    }
    if (step != Step::kLineEnded) return progress_of(step);
    fields_.start(position_);
  }
  const Progress progress = fields_.parse(bytes);
  if (progress == Progress::kRefused) {
    refuse(fields_.refusal());
  } else if (progress == Progress::kComplete) {
    state_ = State::kDone;
    if (!check_fields(bytes)) return Progress::kRefused;
  }
  return progress;
}

// RFC 9112 2.2: one empty line in front of a request is forgiven; a second one is a bad method.
RequestParser::Step RequestParser::skip_empty_line(std::string_view bytes) {
  const std::size_t matched = match_pattern(bytes, "\r\n");
  if (matched == bytes.size() && matched < 2) return Step::kStarved;
  if (matched == 1) {
    started_ = true;
    return refuse({400, "bare_cr", "a CR is not followed by LF"});
  }
  position_ = line_ = matched;
  method_text_.at = static_cast<std::uint32_t>(matched);
  state_ = State::kMethod;
  return Step::kLineEnded;
}

// Goes on with the request line. The states follow one another, so a whole line is one pass down.
RequestParser::Step RequestParser::parse_request_line(std::string_view bytes) {
  const char* const base = bytes.data();
  const char* const end = base + bytes.size();
  const char* at = base + position_;
  const auto offset = [&] { return static_cast<std::uint32_t>(at - base); };
  const auto starved = [&] { return position_ = offset(), Step::kStarved; };
  switch (state_) {
    case State::kMethod:
      if (at == end) return starved();
      started_ = true;
      at = skip_token(at, end);
      method_text_.size = offset() - method_text_.at;
      if (method_text_.size > kMethodBytes) {
        return refuse({501, "method_too_long", "the method has more than 32 characters"});
      }
      if (at == end) return starved();
      if (*at != ' ' || method_text_.size == 0) {
        return refuse(
            {400, "bad_method", "the request does not begin with a method and one space"});
      }
      method_ = method_of(method_text_.of(bytes));
      ++at;
      target_.at = offset();
      state_ = State::kTarget;
      [[fallthrough]];
    case State::kTarget:
      at = skip_target(at, end);
      if (at == end) return starved();
      target_.size = offset() - target_.at;
      if (*at == '\r' || *at == '\n') {
        return refuse({400, "version_missing", "the request line has no HTTP version"});
      }
      if (*at != ' ') {
        return refuse({400, "bad_target", "the request target holds a forbidden character"});
      }
      if (!end_target(bytes)) return Step::kRefused;
      position_ = offset() + 1;
      state_ = State::kVersion;
      [[fallthrough]];
    default:
      return parse_version(bytes);
  }
}

RequestParser::Step RequestParser::parse_version(std::string_view bytes) {
  constexpr std::string_view kPattern = "HTTP/d.d\r\n";
  const std::string_view rest = bytes.substr(position_);
  const std::size_t matched = match_pattern(rest, kPattern);
  if (matched == kPattern.size()) {
    const auto version = version_of(rest);
    if (!version) return refuse({505, "version_not_supported", "only HTTP/1.0 and HTTP/1.1 here"});
    version_ = *version;
    position_ += matched;
    state_ = State::kFields;
    return Step::kLineEnded;
  }
  if (matched == rest.size()) return Step::kStarved;
  return refuse({400, "bad_request_line", "the request line does not end in HTTP/1.1 and CRLF"});
}

// Decides the form of the target (RFC 9112 3.2); only the forms that fit the method.
bool RequestParser::end_target(std::string_view bytes) {
  const std::string_view target = target_.of(bytes);
  if (method_ == Method::kConnect) {
    const auto parts = split_authority(target);
    if (!parts || !parts->port) {
      refuse({400, "bad_target", "CONNECT needs a target of host:port"});
      return false;
    }
    form_ = TargetForm::kAuthority;
    authority_ = target_;
    return true;
  }
  if (target.starts_with('/')) {
    form_ = TargetForm::kOrigin;
    return true;
  }
  if (target == "*" && method_ == Method::kOptions) {
    form_ = TargetForm::kAsterisk;
    return true;
  }
  return end_absolute_target(target);
}

bool RequestParser::end_absolute_target(std::string_view target) {
  form_ = TargetForm::kAbsolute;
  const std::size_t colon = target.find("://");
  const std::string_view scheme = target.substr(0, colon);
  const bool known = equals_ignore_case(scheme, "http") || equals_ignore_case(scheme, "https");
  if (colon == std::string_view::npos || !known) {
    refuse({400, "bad_target", "the target is neither a path nor an http or https URL"});
    return false;
  }
  const std::string_view rest = target.substr(scheme.size() + 3);
  const std::string_view authority = rest.substr(0, rest.find_first_of("/?"));
  if (!split_authority(authority)) {
    refuse({400, "bad_target", "the target's authority is not host[:port]"});
    return false;
  }
  scheme_ = {target_.at, static_cast<std::uint32_t>(scheme.size())};
  authority_ = {scheme_.at + scheme_.size + 3, static_cast<std::uint32_t>(authority.size())};
  const std::uint32_t end = target_.at + target_.size;
  target_.at = authority_.at + authority_.size;
  target_.size = end - target_.at;
  return true;
}

bool RequestParser::check_fields(std::string_view bytes) {
  for (const HeaderId id : kSingletons) {
    if (!fields_.repeated(id)) continue;
    refuse({400, "repeated_field", "a header field that must be single is repeated"});
    return false;
  }
  return check_host(bytes) && check_connection(bytes);
}

// Exactly one Host in HTTP/1.1, valid, and the same as the target's authority (architecture 9, rule
// 5).
bool RequestParser::check_host(std::string_view bytes) {
  if (!fields_.seen(HeaderId::kHost)) {
    if (version_ == Version::kHttp10) return true;
    refuse({400, "host_missing", "an HTTP/1.1 request needs a Host field"});
    return false;
  }
  if (fields_.repeated(HeaderId::kHost)) {
    refuse({400, "host_repeated", "more than one Host field"});
    return false;
  }
  std::string_view value;
  fields_.for_each(HeaderId::kHost, bytes, [&](std::string_view host) { value = host; });
  if (authority_.size == 0 && !value.empty() && value == last_host_) return true;
  const auto host = split_authority(value);
  if (!host) {
    refuse({400, "bad_host", "the Host field is not host[:port]"});
    return false;
  }
  if (value.size() <= kMostRemembered) last_host_ = value;
  if (authority_.size == 0) return true;
  const AuthorityParts target = *split_authority(authority_.of(bytes));
  // Clients leave out the port of a CONNECT in Host when they think it is the usual one.
  const bool same = form_ == TargetForm::kAuthority && !host->port
                        ? equals_ignore_case(host->host, target.host)
                        : same_authority(*host, target, default_port(scheme_.of(bytes)));
  if (!same) refuse({400, "host_mismatch", "the Host field differs from the target's authority"});
  return same;
}

bool RequestParser::check_connection(std::string_view bytes) {
  if (!fields_.seen(HeaderId::kConnection)) return true;
  bool valid = true;
  fields_.for_each(HeaderId::kConnection, bytes, [&](std::string_view list) {
    for (std::string_view name; valid && next_list_item(list, name);) {
      valid = name.empty() || (is_token(name) && !is_guarded(name) && !imitates_guarded(name));
    }
  });
  if (!valid)
    refuse({400, "bad_connection", "the Connection field names a guarded field or no token"});
  return valid;
}

RequestParser::Step RequestParser::refuse(const Refusal& refusal) noexcept {
  state_ = State::kRefused;
  refusal_ = refusal;
  return Step::kRefused;
}

RequestHead RequestParser::take(Slice head) {
  const std::string_view bytes = head.view();
  RequestHead request;
  request.method = method_;
  request.form = form_;
  request.version = version_;
  request.method_text = method_text_.of(bytes);
  request.scheme = scheme_.of(bytes);
  request.target = target_.of(bytes);
  fields_.add_to(request.headers, bytes);
  request.authority =
      authority_.size != 0 ? authority_.of(bytes) : request.headers.get(HeaderId::kHost);
  if (version_ == Version::kHttp11) request.protocol = requested_upgrade(request.headers);
  request.headers.keep(std::move(head));
  if (form_ == TargetForm::kAbsolute && !request.target.starts_with('/')) {
    request.target = complete_target(request);
  }
  reset();
  return request;
}

void RequestParser::reset() noexcept {
  state_ = State::kStart;
  started_ = false;
  line_ = position_ = 0;
  method_text_ = scheme_ = authority_ = target_ = {};
}

Progress ResponseParser::parse(std::string_view bytes) {
  if (state_ == State::kDone) return Progress::kComplete;
  if (state_ == State::kRefused) return Progress::kRefused;
  if (state_ != State::kFields) {
    const std::size_t bound = std::min(limits_.field_bytes, limits_.head_bytes);
    Step step = parse_status_line(bytes.substr(0, std::min(bytes.size(), bound)));
    if (step == Step::kStarved && bytes.size() > bound) {
      step = refuse("status_line_too_long", "the status line exceeds its limit");
    }
    if (step != Step::kLineEnded) return progress_of(step);
    fields_.start(position_);
  }
  const Progress progress = fields_.parse(bytes);
  if (progress == Progress::kRefused) refuse(fields_.refusal().code, fields_.refusal().detail);
  if (progress == Progress::kComplete) state_ = State::kDone;
  return progress;
}

// RFC 9112 4. The space behind the status may lack with the reason phrase: old servers write it so,
// and nobody reads it otherwise.
ResponseParser::Step ResponseParser::parse_status_line(std::string_view bytes) {
  const char* const base = bytes.data();
  const char* const end = base + bytes.size();
  const char* at = base + position_;
  const auto offset = [&] { return static_cast<std::uint32_t>(at - base); };
  const auto starved = [&] { return position_ = offset(), Step::kStarved; };
  started_ = started_ || !bytes.empty();
  switch (state_) {
    case State::kStatus:
      if (const Step step = parse_status(bytes); step != Step::kLineEnded) return step;
      at = base + position_;
      state_ = State::kReasonStart;
      [[fallthrough]];
    case State::kReasonStart:
      if (at == end) return starved();
      if (*at != ' ' && *at != '\r')
        return refuse("bad_status_line", "the status is not three digits");
      if (*at == ' ') ++at;
      reason_.at = offset();
      state_ = State::kReason;
      [[fallthrough]];
    case State::kReason:
      at = skip_field_value(at, end);
      if (at == end) return starved();
      if (*at != '\r')
        return refuse("bad_status_line", "the status line holds a control character");
      reason_.size = offset() - reason_.at;
      ++at;
      state_ = State::kReasonLf;
      [[fallthrough]];
    default:
      if (at == end) return starved();
      if (*at != '\n') return refuse("bare_cr", "a CR is not followed by LF");
      position_ = offset() + 1;
      state_ = State::kFields;
      return Step::kLineEnded;
  }
}

ResponseParser::Step ResponseParser::parse_status(std::string_view bytes) {
  constexpr std::string_view kPattern = "HTTP/d.d ddd";
  const std::size_t matched = match_pattern(bytes, kPattern);
  if (matched != kPattern.size()) {
    if (matched == bytes.size()) return Step::kStarved;
    return refuse("bad_status_line", "the answer does not begin with an HTTP version and a status");
  }
  const auto version = version_of(bytes);
  if (!version)
    return refuse("version_not_supported", "the answer is neither HTTP/1.0 nor HTTP/1.1");
  version_ = *version;
  status_ = (bytes[9] - '0') * 100 + (bytes[10] - '0') * 10 + (bytes[11] - '0');
  if (status_ < 100) return refuse("bad_status_line", "the status is below 100");
  position_ = kPattern.size();
  return Step::kLineEnded;
}

ResponseParser::Step ResponseParser::refuse(std::string_view code,
                                            std::string_view detail) noexcept {
  state_ = State::kRefused;
  refusal_ = {502, code, detail};
  return Step::kRefused;
}

ResponseHead ResponseParser::take(Slice head) {
  const std::string_view bytes = head.view();
  ResponseHead response;
  response.status = status_;
  response.version = version_;
  response.reason = reason_.of(bytes);
  fields_.add_to(response.headers, bytes);
  response.headers.keep(std::move(head));
  state_ = State::kStatus;
  started_ = false;
  position_ = 0;
  return response;
}

}  // namespace outrigger::http
