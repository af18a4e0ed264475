/** A value of Python as data. Integers beyond 2^53 are bigints; lists are arrays. */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array<ArrayBuffer>
  | PickleValue[]
  | Set<PickleValue>
  | PickleTuple
  | PickleDict
  | PickleObject;

/** A tuple, or a class that is one: `torch.Size`. */
export class PickleTuple {
  /** A tuple of these items. */
  constructor(readonly items: readonly PickleValue[], readonly className: string = "tuple") {}
}

/**
 * A dict, a class that is one, or the attributes of an `argparse.Namespace`. Keys are never properties of a JavaScript
 * object, so that `__proto__` is a key like any other.
 */
export class PickleDict extends Map<PickleValue, PickleValue> {
  /** Attributes beside the items: `_metadata` of a state_dict. */
  attributes?: PickleDict;

  /** An empty one. */
  constructor(readonly className: string = "dict") {
    super();
  }
}

/** A value of another class; nothing of it runs. */
export abstract class PickleObject {
  /** Whole name of the class. */
  abstract readonly className: string;
}

/** A class, function or constant that a pickle names. */
export class PickleGlobal extends PickleObject {
  /** Tells that it is a name, not an object. */
  readonly className = "global";

  /** What `rules` say of the global `name`. */
  constructor(readonly name: string, readonly rule: GlobalRule) {
    super();
  }
}

/** What a whitelisted global stands for. */
export interface GlobalRule {
  /**
   * What a call gives; undefined where the arguments do not fit. A global without it is only data.
   *
   * Receives values, returns a value, and must do nothing else.
   */
  readonly call?: (args: readonly PickleValue[]) => PickleValue | undefined;
}

/** What a pickle may name. */
export interface PickleRules {
  /** The whitelist, by whole name. */
  readonly globals: ReadonlyMap<string, GlobalRule>;
  /** What a persistent id stands for; undefined where there is none like it. */
  readonly persistent?: (id: PickleValue) => PickleValue | undefined;
}
