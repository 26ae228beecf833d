// The two kinds of Call behind Client.
#pragma once

#include <memory>
#include <string_view>

#include "tests/support/client.h"
#include "tests/support/h1_wire.h"

namespace outrigger::test {

enum class BodyFollows { kNo, kYes };  // no: the request is complete, body and trailers included

std::unique_ptr<Call> start_h1_call(Channel& channel, H1Reader& reader, const Request& request,
                                    BodyFollows body);
std::unique_ptr<Call> await_h1_answer(Channel& channel, H1Reader& reader,
                                      std::string_view to_method);
std::unique_ptr<Call> start_h2_call(H2Peer& peer, const Request& request, bool tls,
                                    BodyFollows body);

}  // namespace outrigger::test
