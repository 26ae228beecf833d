// How the admin API answers: JSON that nobody caches, errors as problem documents (RFC 9457). Pure.
#pragma once

#include <string>
#include <string_view>

#include "proxy/base/result.h"
#include "proxy/http/message.h"

namespace outrigger::admin {

// A success with that JSON text.
http::Response json_answer(std::string_view json);

// A refusal: `code` is a row of the table of problems, `detail` one line for a person.
http::Response problem_answer(std::string_view code, std::string detail);
// What failed on our side, or in reading the request.
http::Response problem_answer(const Error& error);

}  // namespace outrigger::admin
