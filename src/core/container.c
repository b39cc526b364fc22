/* SPDX-License-Identifier: Apache-2.0 */
#include "core/container.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "base/number.h"
#include "base/text.h"

#define LABEL_TIME_MAX_MS 1e12

#define DEFAULT_PROJECT "default" /* of LXD and Incus */

const char *container_label(const struct container *container, const char *name)
{
	for (size_t i = 0; i < container->n_labels; i++)
		if (strcmp(container->labels[i].name, name) == 0)
			return container->labels[i].value;
	return NULL;
}

bool container_label_time(const struct container *container, const char *name,
                          uint32_t unit_ms, uint64_t *msp)
{
	const char *text = container_label(container, name);
	double number;

	if (!text ||
	    number_parse_double(slice_trim(slice_from(text)), &number) < 0 ||
	    !(number >= 0 && number * unit_ms <= LABEL_TIME_MAX_MS))
		return false;
	*msp = (uint64_t)number_round(number * unit_ms);
	return true;
}

/* "compose run" makes more than one of the same number. */
static bool is_oneoff(const struct container *container)
{
	const char *oneoff =
		container_label(container, CONTAINER_COMPOSE_ONEOFF);

	return oneoff && strcasecmp(oneoff, "true") == 0;
}

static size_t written(int r)
{
	return r > 0 ? (size_t)r : 0;
}

size_t container_identity(const struct container *container, char *out,
                          size_t size)
{
	const char *project =
		container_label(container, CONTAINER_COMPOSE_PROJECT);
	const char *service =
		container_label(container, CONTAINER_COMPOSE_SERVICE);
	const char *number =
		container_label(container, CONTAINER_COMPOSE_NUMBER);
	const char *name = text_or_empty(container->name);

	if (project && service && number && !is_oneoff(container))
		return written(snprintf(out, size, "%s/%s/%s", project, service,
		                        number));
	project = container->project;
	if (project && project[0] && strcmp(project, DEFAULT_PROJECT) != 0)
		return written(snprintf(out, size, "%s/%s", project, name));
	/* one without a name is known by its id alone */
	if (!name[0] && container->id)
		name = container->id;
	return written(snprintf(out, size, "%s", name));
}
