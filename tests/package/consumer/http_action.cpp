// Asks for an http action, which must be refused: nobody has allowed the host.
#include <cstdlib>

#include <tenax/http_action.hpp>

int main() {
  tenax::http_options http;
  http.allow_hosts = {"api.example.com"};
  http.secrets = tenax::secrets_in("secrets");
  tenax::handler_registry handlers;
  tenax::builtin::add_http(handlers, http);
  tenax::action_context context;
  context.input = R"({"method":"GET","url":"https://evil.example/"})";
  const auto made = handlers.find("http")->run(context);
  return made.error_class == "bad_input" ? EXIT_SUCCESS : EXIT_FAILURE;
}
