/* SPDX-License-Identifier: Apache-2.0 */
/*
 * docker_frames: takes apart the stream in which a Docker engine sends what a
 * command without a terminal writes (a terminal's stream is not framed).
 * https://docs.docker.com/reference/api/engine/version/v1.47/ ("Stream format")
 *
 *     byte 0      1 2 3    4 5 6 7            8 …
 *     stream      0 0 0    length, big endian payload
 *
 * Bytes may come in any pieces; nothing is buffered but an unfinished header.
 * What cannot be a frame (engines and proxies put plain error text into the
 * stream) ends the framing: from there on all bytes are handed on as they are.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/slice.h"

#define DOCKER_FRAME_HEADER 8
/* Engines cut at 32 KiB; a longer frame than this is no frame. */
#define DOCKER_FRAME_MAX (16u << 20)

enum docker_stream {
	DOCKER_STDIN, /* what the command reads, echoed; never seen */
	DOCKER_STDOUT,
	DOCKER_STDERR,
	DOCKER_SYSTEM, /* the engine's own words */
	N_DOCKER_STREAMS,
};

/* Zeroed is ready for a new stream. */
struct docker_frames {
	unsigned char header[DOCKER_FRAME_HEADER];
	uint8_t n_header;   /* bytes of it that are in */
	uint32_t n_payload; /* bytes of the frame that are to come */
	enum docker_stream stream;
	bool unframed; /* no more frames: the rest is plain */
};

struct docker_piece {
	enum docker_stream stream;
	/* Never empty. Lies in the input or, for what looked like a header
	 * and was none, in the frames, until the next call. */
	struct slice bytes;
};

/*
 * docker_frames_next() - the next piece of payload
 *
 * Takes bytes off the front of *inputp. True with *piecep filled; false when
 * the input is used up. Call again until false before giving more.
 */
bool docker_frames_next(struct docker_frames *frames, struct slice *inputp,
                        struct docker_piece *piecep);

/* At the end of the stream: no frame was cut short. */
bool docker_frames_whole(const struct docker_frames *frames);
