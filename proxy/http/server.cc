#include "proxy/http/server.h"

namespace outrigger::http {

Response ExchangeHandler::refuse(int status, std::string_view, std::string_view,
                                 const ClientInfo&) {
  Response response;
  response.head.status = status;
  return response;
}

}  // namespace outrigger::http
