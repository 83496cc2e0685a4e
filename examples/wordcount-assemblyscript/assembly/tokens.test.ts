import { callTask, given } from "../../../sdk/lang/assemblyscript/test";
import { tokens } from "./tokens";

export function test_words_stand_between_white_space(): void {
  assert(tokens("the\tquick  brown\u2003fox\x1c").join("|") == "the|quick|brown|fox");
  assert(tokens("größe").join("|") == "größe");
}

export function test_white_space_has_no_words(): void {
  assert(tokens("").length == 0);
  assert(tokens(" \n").length == 0);
}

export function test_words_are_counted(): void {
  given("/texts", "value string", '[["and And and"],["an apple, so it goes"]]');
  assert(callTask("as.WordCount", '["/texts","a"]') == '[["and",2],["And",1],["an",1],["apple,",1]]');
  assert(callTask("as.longest", '["/texts"]') == '"apple,"');
  assert(callTask("as.WordCount", '["/texts"]') == "TypeError: WordCount() missing 1 required positional argument: 'first_letter'");
}
