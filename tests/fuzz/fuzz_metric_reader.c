/* SPDX-License-Identifier: Apache-2.0 */
/* metric reader: any bytes as the environment of metric-reader, a variable in
 * each line: it is refused with words, or becomes a configuration that is
 * good, or that is told what is wrong with it. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "config/config.h"
#include "config/door.h"

#define MAX_SIZE      16384 /* what is written has a limit, too */
#define MAX_VARIABLES 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void check(const struct door *door)
{
	struct config *config = NULL;
	struct buf problems;
	int r;

	buf_init(&problems, 1u << 20);
	r = config_load_text(buf_slice(&door->text), "door", NULL, 0, &config,
	                     &problems);
	/* values are judged by both; shapes are right */
	require((r == 0) == (config != NULL));
	require(r == 0 || problems.n > 0);
	buf_fini(&problems);
	config_free(config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *variables[MAX_VARIABLES + 1] = { NULL };
	char *copy = malloc(size + 1);
	char *argv[] = { NULL };
	struct err err = { 0 };
	struct door door;
	char *rest = copy;
	size_t n = 0;
	int r;

	require(copy != NULL);
	memcpy(copy, data, size);
	copy[size] = '\0';
	while (size <= MAX_SIZE && rest && n < MAX_VARIABLES)
		variables[n++] = strsep(&rest, "\n");
	r = door_metric_reader(&door, 0, argv, variables, &err);
	require(r == 0 || (r == -EINVAL && err.message[0]));
	if (r == 0 && !door.help)
		check(&door);
	door_fini(&door);
	free(copy);
	return 0;
}
