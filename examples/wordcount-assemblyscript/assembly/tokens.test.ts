import { tokens } from "./tokens";

export function test_words_stand_between_white_space(): void {
  assert(tokens("the\tquick  brown\u2003fox\x1c").join("|") == "the|quick|brown|fox");
  assert(tokens("größe").join("|") == "größe");
}

export function test_white_space_has_no_words(): void {
  assert(tokens("").length == 0);
  assert(tokens(" \n").length == 0);
}
