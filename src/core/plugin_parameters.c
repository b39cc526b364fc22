/* SPDX-License-Identifier: Apache-2.0 */
#include "core/plugin_parameters.h"

#include <errno.h>
#include <string.h>
#include "base/duration.h"
#include "base/number.h"
#include "base/text.h"
#include "core/template.h"

/* --- what a plugin says of itself ----------------------------------------- */

bool plugin_name_is_good(const char *name)
{
	size_t n = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	                        "abcdefghijklmnopqrstuvwxyz0123456789_-");

	return n > 0 && n <= PLUGIN_NAME_MAX && name[n] == '\0';
}

struct bouncer_parameter plugin_parameter(const struct bouncer_plugin *plugin,
                                          size_t i)
{
	struct bouncer_parameter parameter = { 0 };
	const char *at =
		(const char *)plugin->parameters + i * plugin->parameter_size;

	memcpy(&parameter, at, MIN(plugin->parameter_size, sizeof(parameter)));
	return parameter;
}

static int read_value(const struct bouncer_parameter *parameter,
                      const char *text, int64_t *numberp, struct err *err);

static int describe_parameter(const struct bouncer_plugin *plugin, size_t i,
                              struct err *err)
{
	struct bouncer_parameter parameter = plugin_parameter(plugin, i);
	int64_t number;
	int r;

	if (!parameter.name || !plugin_name_is_good(parameter.name))
		return err_set(err, -EINVAL,
		               "the name of its parameter %zu is not of "
		               "letters, digits, _ and -",
		               i + 1);
	for (size_t k = 0; k < i; k++) {
		struct bouncer_parameter other = plugin_parameter(plugin, k);

		if (strcmp(other.name, parameter.name) == 0)
			return err_set(err, -EINVAL, "it has two parameters %s",
			               parameter.name);
	}
	if (parameter.type > BOUNCER_PATH)
		return err_set(err, -EINVAL,
		               "its parameter %s is of type %u, which is not "
		               "known here",
		               parameter.name, (unsigned)parameter.type);
	if (!parameter.default_value)
		return 0;
	r = read_value(&parameter, parameter.default_value, &number, err);
	if (r < 0)
		err_wrap(err, "its own default");
	return r;
}

static int describe_parameters(const struct bouncer_plugin *plugin,
                               struct err *err)
{
	int r = 0;

	if (plugin->n_parameters == 0)
		return 0;
	if (!plugin->parameters ||
	    plugin->n_parameters > PLUGIN_MAX_PARAMETERS ||
	    plugin->parameter_size < sizeof(struct bouncer_parameter))
		return err_set(err, -EINVAL,
		               "its list of parameters is not usable: %zu of "
		               "%zu bytes; at most %d of at least %zu",
		               plugin->n_parameters, plugin->parameter_size,
		               PLUGIN_MAX_PARAMETERS,
		               sizeof(struct bouncer_parameter));
	for (size_t i = 0; i < plugin->n_parameters && r == 0; i++)
		r = describe_parameter(plugin, i, err);
	return r;
}

int plugin_describe(const struct bouncer_plugin *said, const char *name,
                    struct bouncer_plugin *plugin, struct err *err)
{
	*plugin = (struct bouncer_plugin){ 0 };
	if (said->abi != BOUNCER_PLUGIN_ABI)
		return err_set(err, -EINVAL,
		               "it is made for version %u of the interface, "
		               "here is version %u: build it with this "
		               "version's bouncer/plugin.h",
		               (unsigned)said->abi, BOUNCER_PLUGIN_ABI);
	if (!BOUNCER_HAS(said, struct bouncer_plugin, cancel))
		return err_set(err, -EINVAL,
		               "it says that it is %zu bytes, at least %zu are "
		               "needed: set .size",
		               said->size, sizeof(*plugin));
	memcpy(plugin, said, MIN(said->size, sizeof(*plugin)));
	if (!plugin->name || strcmp(plugin->name, name) != 0)
		return err_set(err, -EINVAL,
		               "it calls itself \"%.64s\": file and plugin "
		               "have the same name",
		               plugin->name ? plugin->name : "");
	if (!plugin->start)
		return err_set(err, -EINVAL, "it has no start()");
	if (plugin->state_size > PLUGIN_MAX_STATE)
		return err_set(err, -EINVAL,
		               "it wants %zu bytes for each action, at most %d",
		               plugin->state_size, PLUGIN_MAX_STATE);
	return describe_parameters(plugin, err);
}

/* --- what a step gives ----------------------------------------------------- */

/* All but text. */
static int read_number(uint32_t type, struct slice text, int64_t *numberp)
{
	uint64_t number = 0;
	bool truth = false;
	int r = 0;

	switch (type) {
	case BOUNCER_INTEGER:
		return number_parse_i64(text, numberp);
	case BOUNCER_BOOL:
		r = number_parse_bool(text, &truth);
		number = truth;
		break;
	case BOUNCER_DURATION:
		r = duration_parse(text, &number);
		break;
	default:
		r = number_parse_size(text, &number);
		break;
	}
	if (r == 0)
		*numberp = (int64_t)number;
	return r;
}

static int read_value(const struct bouncer_parameter *parameter,
                      const char *text, int64_t *numberp, struct err *err)
{
	static const char *const wanted[] = {
		[BOUNCER_STRING] = "text",
		[BOUNCER_INTEGER] = "an integer",
		[BOUNCER_BOOL] = "true or false",
		[BOUNCER_DURATION] = "a span of time, as 30s or 1m30s",
		[BOUNCER_SIZE] = "a size, in bytes or like 5MiB",
		[BOUNCER_PATH] = "an absolute path",
	};
	bool good;

	*numberp = 0;
	if (parameter->type == BOUNCER_STRING)
		good = true;
	else if (parameter->type == BOUNCER_PATH)
		good = text[0] == '/';
	else
		good = read_number(parameter->type, slice_from(text),
		                   numberp) == 0;
	if (good)
		return 0;
	return err_set(err, -EINVAL, "%s: \"%.64s\" is not %s", parameter->name,
	               text, wanted[parameter->type]);
}

static const char *given_value(const struct step_plugin *step, const char *name)
{
	for (size_t i = 0; i < step->n_parameters; i++) {
		if (strcmp(step->parameters[i].name, name) == 0)
			return step->parameters[i].value;
	}
	return NULL;
}

static const char *fill_in(const char *text, const struct notice *notice,
                           struct arena *arena)
{
	const char *filled = NULL;
	struct buf out;

	buf_init(&out, PLUGIN_MAX_VALUE);
	template_render(slice_from(text), TEMPLATE_PLAIN, notice, &out);
	if (!out.failed)
		filled = arena_copy(arena, buf_slice(&out));
	buf_fini(&out);
	return filled;
}

/* What stands there, and where it is from. */
static const char *choose(const struct bouncer_parameter *parameter,
                          const struct step_plugin *step,
                          char *(*environment)(const char *name), bool *givenp)
{
	const char *text = given_value(step, parameter->name);

	*givenp = text != NULL;
	if (!text && environment && parameter->environment)
		text = environment(parameter->environment);
	return text ? text : parameter->default_value;
}

static int one_value(const struct bouncer_parameter *parameter,
                     const struct step_plugin *step,
                     char *(*environment)(const char *name),
                     const struct notice *notice, struct arena *arena,
                     struct bouncer_value *value, struct err *err)
{
	bool given;
	const char *text = choose(parameter, step, environment, &given);

	if (!text) {
		if (!(parameter->flags & BOUNCER_REQUIRED))
			return 0;
		return err_set(err, -EINVAL, "%s: is missing%s%s",
		               parameter->name,
		               parameter->help ? "; it is " : "",
		               parameter->help ? parameter->help : "");
	}
	if (given && strstr(text, "{{")) {
		if (!notice) {
			value->flags = BOUNCER_UNKNOWN_YET;
			return 0;
		}
		text = fill_in(text, notice, arena);
		if (!text)
			return -ENOMEM;
	}
	value->text = text;
	return read_value(parameter, text, &value->number, err);
}

static int refuse_unknown(const struct bouncer_plugin *plugin,
                          const char *given, struct err *err)
{
	const char *known[PLUGIN_MAX_PARAMETERS];
	const char *nearest;

	for (size_t i = 0; i < plugin->n_parameters; i++) {
		known[i] = plugin_parameter(plugin, i).name;
		if (strcmp(known[i], given) == 0)
			return 0;
	}
	nearest = text_nearest(slice_from(given), known, plugin->n_parameters);
	return err_set(err, -EINVAL, "%s: there is no such parameter%s%s%s",
	               given, nearest ? "; did you mean " : "",
	               nearest ? nearest : "", nearest ? "?" : "");
}

int plugin_values(const struct bouncer_plugin *plugin,
                  const struct step_plugin *step,
                  char *(*environment)(const char *name),
                  const struct notice *notice, struct arena *arena,
                  struct bouncer_value **valuesp, struct err *err)
{
	struct bouncer_value *values;
	int r = 0;

	for (size_t i = 0; i < step->n_parameters && r == 0; i++)
		r = refuse_unknown(plugin, step->parameters[i].name, err);
	if (r < 0)
		return r;
	values = arena_calloc(arena, plugin->n_parameters + 1, sizeof(*values));
	if (!values)
		return err_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < plugin->n_parameters && r == 0; i++) {
		struct bouncer_parameter parameter =
			plugin_parameter(plugin, i);

		r = one_value(&parameter, step, environment, notice, arena,
		              &values[i], err);
	}
	if (r == -ENOMEM)
		return err_set(err, r, "out of memory");
	*valuesp = values;
	return r;
}
