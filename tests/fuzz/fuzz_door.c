/* SPDX-License-Identifier: Apache-2.0 */
/* door: any bytes as the file of prometheus-am-executor: it is refused with
 * words, or becomes a configuration that is good. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include "config/config.h"
#include "config/door.h"

#define MAX_SIZE 16384 /* what is written has a limit, too */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char name[] = "-f=a.yml";
	char program[] = "/bin/true";
	char *argv[] = { name, program, NULL };
	struct slice file = { (const char *)data, size };
	struct config *config = NULL;
	struct buf problems;
	struct door door;
	struct err err;
	int r;

	if (size > MAX_SIZE)
		return 0;
	r = door_am_executor(&door, 2, argv, &file, &err);
	require(r == 0 || (r == -EINVAL && err.message[0]));
	if (r == 0) {
		buf_init(&problems, 1u << 20);
		r = config_load_text(buf_slice(&door.text), "door", NULL, 0,
		                     &config, &problems);
		/* values are judged by both; shapes are right */
		require((r == 0) == (config != NULL));
		require(r == 0 || problems.n > 0);
		buf_fini(&problems);
		config_free(config);
	}
	door_fini(&door);
	return 0;
}
