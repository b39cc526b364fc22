/* SPDX-License-Identifier: Apache-2.0 */
/* docker: any bytes as each of the documents; texts come out terminated and
 * in range, whatever was in the document. */
#include <stdint.h>
#include <stdlib.h>
#include "base/text.h"
#include "proto/docker.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_printable(const char *text, size_t max)
{
	struct slice rest = slice_make(text, strnlen(text, max));

	if (rest.n >= max)
		abort();
	while (rest.n) {
		size_t n = text_utf8_length(rest);

		if (n == 0 || (unsigned char)rest.p[0] < ' ')
			abort();
		rest = slice_skip(rest, n);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice body = slice_make((const char *)data, size);
	struct docker_container container;
	struct docker_version version;
	struct docker_exec exec;
	char message[DOCKER_MESSAGE_MAX];
	char id[DOCKER_ID_MAX];
	struct err err;

	if (docker_container_parse(body, &container, &err) == 0) {
		if (strnlen(container.id, DOCKER_ID_MAX) == DOCKER_ID_MAX ||
		    container.id[0] == '\0')
			abort();
		check_printable(container.error, DOCKER_MESSAGE_MAX);
		(void)docker_container_stopped_by_hand(&container);
	}
	if (docker_exec_created_parse(body, id, sizeof(id), &err) == 0 &&
	    !docker_name_valid(id))
		abort();
	if (docker_exec_parse(body, &exec, &err) == 0)
		(void)docker_exec_code(&exec, body);
	docker_message(body, message);
	check_printable(message, sizeof(message));
	(void)docker_refusal(message, &version);
	if (docker_version_parse(body, &version) == 0 && size > 11)
		abort();
	return 0;
}
