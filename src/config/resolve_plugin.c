/* SPDX-License-Identifier: Apache-2.0 */
/* Steps that others wrote: a file of plugin_dir, or a program. */
#include "config/resolve.h"

#include <errno.h>
#include "base/text.h"
#include "core/plugin_parameters.h"

#define EXEC "exec:"

static void read_plugin(struct resolve *resolve, const struct reader *reader,
                        const char *text, struct step_plugin *plugin)
{
	struct slice name = slice_from(text);
	size_t n = strlen(EXEC);

	if (slice_starts(name, EXEC)) {
		if (name.n <= n || name.p[n] != '/' || !text_is_printable(name))
			reader_value(reader, "plugin", text,
			             "is not the path of a program; write "
			             "exec:/path");
		plugin->path = resolve_text(resolve, text + n);
		return;
	}
	if (!plugin_name_is_good(text))
		reader_value(reader, "plugin", text,
		             "is not the name of a plugin; write that of its "
		             "file in plugin_dir without .so, or exec:/path");
	else if (!BOUNCER_STATIC && !resolve->global.plugin_dir)
		reader_value(reader, "plugin", text,
		             "is looked for in global.plugin_dir, which is not "
		             "given");
	plugin->name = resolve_text(resolve, text);
}

static bool check_parameter(const struct reader *reader, const char *name,
                            const char *value)
{
	(void)value;
	return read_identifier(reader, name, name, false);
}

static void read_parameters(struct resolve *resolve,
                            const struct config_monitor *monitor,
                            const struct place *place,
                            struct step_plugin *plugin)
{
	struct config_label pairs[CONFIG_MAX_LABELS];
	struct step_parameter *kept;
	uint8_t n = 0;

	resolve_pairs(resolve, place, "{dir: /tmp, size: 5MiB}",
	              check_parameter, pairs, &n);
	kept = arena_calloc(resolve->memory, n + 1u, sizeof(*kept));
	if (!kept || resolve->failed) {
		resolve->failed = -ENOMEM;
		return;
	}
	for (size_t i = 0; i < n; i++) {
		struct place at = { .up = place, .key = pairs[i].name };

		kept[i] = (struct step_parameter){ pairs[i].name,
			                           pairs[i].value };
		if (strstr(pairs[i].value, "{{"))
			(void)resolve_template(resolve, monitor, &at,
			                       pairs[i].value);
	}
	plugin->parameters = kept;
	plugin->n_parameters = n;
}

void resolve_plugin(struct resolve *resolve, const struct reader *reader,
                    const struct config_monitor *monitor, const char *text,
                    struct step *step)
{
	struct place parameters = reader_place(reader, "parameters");
	struct step_plugin *plugin;

	if (!read_required(reader, "plugin", text))
		return;
	plugin = arena_calloc(resolve->memory, 1, sizeof(*plugin));
	if (!plugin) {
		resolve->failed = -ENOMEM;
		return;
	}
	read_plugin(resolve, reader, text, plugin);
	if (place_find(&parameters))
		read_parameters(resolve, monitor, &parameters, plugin);
	step->plugin = plugin;
}
