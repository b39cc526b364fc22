// SPDX-License-Identifier: Apache-2.0
// post: tells a URL about it, and is done when that has answered.
#include <bouncer/plugin.h>

#include <string>

namespace {

void on_answer(bouncer_action *action, const bouncer_http_answer *answer,
               void *) noexcept
{
	std::string words = answer->error
	                            ? std::string(answer->words)
	                            : "status " + std::to_string(answer->status);

	action->host->complete(action,
	                       answer->status / 100 == 2 ? BOUNCER_OK
	                                                 : BOUNCER_FAILED,
	                       words.c_str());
}

int start(bouncer_action *action) noexcept
{
	const std::string body = std::string(action->context->monitor) + " is " +
	                         action->context->value + "\n";
	bouncer_http_request request{};

	request.size = sizeof(request);
	request.method = "POST";
	request.url = action->values[0].text;
	request.body = body.c_str();
	request.n_body = body.size();
	request.done = on_answer;
	return action->host->http(action, &request);
}

const bouncer_parameter parameters[] = {
	{ "url", BOUNCER_STRING, BOUNCER_REQUIRED, nullptr, nullptr,
	  "who is told" },
};

struct bouncer_plugin describe()
{
	struct bouncer_plugin plugin{};

	plugin.abi = BOUNCER_PLUGIN_ABI;
	plugin.size = sizeof(plugin);
	plugin.name = "post";
	plugin.parameters = parameters;
	plugin.n_parameters = 1;
	plugin.parameter_size = sizeof(parameters[0]);
	plugin.start = start;
	return plugin;
}

} // namespace

// No exception may leave a function that the program calls: `noexcept`.
extern "C" BOUNCER_EXPORT const struct bouncer_plugin bouncer_plugin =
	describe();
